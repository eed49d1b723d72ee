// WiFi.h and ESPmDNS.h of this folder: sockets on the loopback interface.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ESPmDNS.h"

WiFiClass WiFi;
MDNSResponder MDNS;

struct Socket {
    int fd;
    explicit Socket(int descriptor) : fd(descriptor)
    {
    }
    ~Socket()
    {
        close(fd);
    }
};

static sockaddr_in place()
{
    const char *port = getenv("FAKE_PORT");
    sockaddr_in a = {};
    a.sin_family = AF_INET;
    a.sin_port = htons(static_cast<uint16_t>(atoi(port != nullptr ? port : "0")));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

String IPAddress::toString() const
{
    char text[16];
    snprintf(text, sizeof text, "%u.%u.%u.%u", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
    return String(text);
}

int WiFiClient::connect(IPAddress, uint16_t)
{
    sockaddr_in to = place();
    auto socket = std::make_shared<Socket>(::socket(AF_INET, SOCK_STREAM, 0));
    if (::connect(socket->fd, reinterpret_cast<sockaddr *>(&to), sizeof to) != 0)
        return 0;
    socket_ = socket;
    return 1;
}

int WiFiClient::available()
{
    int n = 0;
    if (socket_ == nullptr || ioctl(socket_->fd, FIONREAD, &n) != 0)
        return 0;
    if (n == 0)
        usleep(200);
    return n;
}

uint8_t WiFiClient::connected()
{
    char byte;
    if (socket_ == nullptr)
        return 0;
    ssize_t n = recv(socket_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)))
        return 1;
    socket_.reset();
    return 0;
}

int WiFiClient::read(uint8_t *buf, size_t size)
{
    return socket_ == nullptr ? -1 : static_cast<int>(recv(socket_->fd, buf, size, MSG_DONTWAIT));
}

int WiFiClient::read()
{
    uint8_t byte;
    return read(&byte, 1) == 1 ? byte : -1;
}

size_t WiFiClient::write(const uint8_t *bytes, size_t len)
{
    if (socket_ == nullptr)
        return 0;
    ssize_t n = send(socket_->fd, bytes, len, MSG_NOSIGNAL);
    return n < 0 ? 0 : static_cast<size_t>(n);
}

void WiFiServer::begin()
{
    sockaddr_in at = place();
    int on = 1;
    socket_ = std::make_shared<Socket>(socket(AF_INET, SOCK_STREAM, 0));
    setsockopt(socket_->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(socket_->fd, reinterpret_cast<sockaddr *>(&at), sizeof at) != 0 || listen(socket_->fd, 4) != 0)
        perror("fake: listening");
    fcntl(socket_->fd, F_SETFL, O_NONBLOCK);
}

WiFiClient WiFiServer::accept()
{
    int fd = ::accept(socket_->fd, nullptr, nullptr);
    return fd < 0 ? WiFiClient() : WiFiClient(std::make_shared<Socket>(fd));
}
