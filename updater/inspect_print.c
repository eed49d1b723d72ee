// The facts as text: one block a file, a table where there are rows, "ok" or what is wrong and where.
#include <inttypes.h>
#include <string.h>

#include "updater/inspect_facts.h"

static const cJSON *get(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static uint32_t num(const cJSON *object, const char *name)
{
    const cJSON *item = get(object, name);
    return cJSON_IsNumber(item) ? (uint32_t)item->valuedouble : 0;
}

static const char *str(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(get(object, name));
    return text ? text : "";
}

// "1,234,567"
static const char *thousands(uint32_t n, char buf[16])
{
    char digits[12];
    int len = snprintf(digits, sizeof digits, "%" PRIu32, n);
    size_t used = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf[used++] = ',';
        buf[used++] = digits[i];
    }
    buf[used] = 0;
    return buf;
}

// "64 KB", "4 MB", or bytes.
static const char *size_text(uint32_t n, char buf[16])
{
    if (n >= 0x100000 && n % 0x100000 == 0)
        snprintf(buf, 16, "%u MB", (unsigned)(n >> 20));
    else if (n >= 1024 && n % 1024 == 0)
        snprintf(buf, 16, "%u KB", (unsigned)(n >> 10));
    else
        snprintf(buf, 16, "%u", (unsigned)n);
    return buf;
}

static void label(FILE *out, const char *name)
{
    fprintf(out, "  %-13s", name);
}

static void faults(const cJSON *object, FILE *out)
{
    const cJSON *fault;
    cJSON_ArrayForEach(fault, get(object, "faults"))
    {
        label(out, "BAD");
        fprintf(out, "%s", str(fault, "what"));
        if (*str(fault, "where"))
            fprintf(out, " [%s, at %s]\n", str(fault, "status"), str(fault, "where"));
        else
            fprintf(out, " [%s]\n", str(fault, "status"));
        if (*str(fault, "hint")) {
            label(out, "");
            fprintf(out, "try: %s\n", str(fault, "hint"));
        }
    }
}

static void revision(FILE *out, uint32_t rev)
{
    fprintf(out, "v%u.%u", (unsigned)(rev / 100), (unsigned)(rev % 100));
}

static void chip_line(const cJSON *image, FILE *out)
{
    uint32_t most = num(image, "max_revision");
    label(out, "chip");
    fprintf(out, "%s", str(image, "chip"));
    if (get(image, "chip_id")) {
        fprintf(out, " (id %u), revision ", (unsigned)num(image, "chip_id"));
        revision(out, num(image, "min_revision"));
        if (most && most != 0xFFFF) {
            fprintf(out, " to ");
            revision(out, most);
        } else {
            fprintf(out, " or newer");
        }
    }
    fprintf(out, "\n");
}

static void flash_line(const cJSON *image, FILE *out)
{
    char size[16];
    label(out, "flash");
    fprintf(out, "%s, ", str(image, "flash_mode"));
    if (num(image, "flash_freq_mhz"))
        fprintf(out, "%u MHz, ", (unsigned)num(image, "flash_freq_mhz"));
    fprintf(out, "%s\n", num(image, "flash_size") ? size_text(num(image, "flash_size"), size) : "unknown size");
    label(out, "entry");
    fprintf(out, "0x%08x\n", (unsigned)num(image, "entry"));
}

static void app_lines(const cJSON *app, FILE *out)
{
    label(out, "project");
    fprintf(out, "%s\n", str(app, "project"));
    label(out, "version");
    fprintf(out, "%s\n", str(app, "version"));
    label(out, "ESP-IDF");
    fprintf(out, "%s\n", str(app, "idf"));
    label(out, "compiled");
    fprintf(out, "%s %s\n", str(app, "date"), str(app, "time"));
    label(out, "ELF SHA-256");
    fprintf(out, "%s\n", str(app, "elf_sha256"));
    if (num(app, "secure_version")) {
        label(out, "secure ver.");
        fprintf(out, "%u\n", (unsigned)num(app, "secure_version"));
    }
}

static void boot_lines(const cJSON *boot, FILE *out)
{
    label(out, "bootloader");
    fprintf(out, "version %u, ESP-IDF %s, built %s\n", (unsigned)num(boot, "version"), str(boot, "idf"),
            str(boot, "built"));
}

static void segment_lines(const cJSON *image, FILE *out)
{
    const cJSON *segment;
    unsigned index = 0;
    label(out, "segments");
    fprintf(out, " #      bytes  load address  file offset  memory\n");
    cJSON_ArrayForEach(segment, get(image, "segments"))
    {
        char size[16];
        label(out, "");
        fprintf(out, "%2u  %9s  0x%08x    0x%08x   %s\n", index++, thousands(num(segment, "size"), size),
                (unsigned)num(segment, "load_address"), (unsigned)num(segment, "offset"), str(segment, "memory"));
    }
}

static void proof_lines(const cJSON *image, FILE *out)
{
    const cJSON *sum = get(image, "checksum"), *sha = get(image, "sha256");
    if (!sum)
        return;
    label(out, "checksum");
    fprintf(out, "0x%02x at 0x%x: ", (unsigned)num(sum, "stored"), (unsigned)num(sum, "offset"));
    if (cJSON_IsTrue(get(sum, "ok")))
        fprintf(out, "ok\n");
    else
        fprintf(out, "WRONG, the segments give 0x%02x\n", (unsigned)num(sum, "computed"));
    label(out, "SHA-256");
    if (!cJSON_IsTrue(get(sha, "appended"))) {
        fprintf(out, "not appended\n");
        return;
    }
    const cJSON *ok = get(sha, "ok");
    fprintf(out, "%s at 0x%x: %s\n", str(sha, "stored"), (unsigned)num(sha, "offset"),
            !ok                ? "not checked"
            : cJSON_IsTrue(ok) ? "ok"
                               : "WRONG");
}

static void image_block(const cJSON *image, FILE *out)
{
    char size[16];
    if (get(image, "chip")) {
        const cJSON *app = get(image, "app"), *boot = get(image, "bootloader");
        if (app)
            app_lines(app, out);
        if (boot)
            boot_lines(boot, out);
        chip_line(image, out);
        flash_line(image, out);
        segment_lines(image, out);
        proof_lines(image, out);
    }
    if (get(image, "size")) {
        label(out, "length");
        fprintf(out, "%s bytes", thousands(num(image, "size"), size));
        if (num(image, "bytes_behind"))
            fprintf(out, " (%s more behind it)", thousands(num(image, "bytes_behind"), size));
        fprintf(out, "\n");
    }
    faults(image, out);
}

static void table_block(const cJSON *table, FILE *out)
{
    const cJSON *row;
    char size[16];
    label(out, "partitions");
    fprintf(out, "%-16s  %-10s  %-9s  %-10s  %9s\n", "label", "type", "subtype", "address", "size");
    cJSON_ArrayForEach(row, get(table, "partitions"))
    {
        label(out, "");
        fprintf(out, "%-16s  %-10s  %-9s  0x%08x  %9s%s%s\n", str(row, "label"), str(row, "type"), str(row, "subtype"),
                (unsigned)num(row, "address"), size_text(num(row, "size"), size),
                cJSON_IsTrue(get(row, "encrypted")) ? "  encrypted" : "",
                cJSON_IsTrue(get(row, "readonly")) ? "  read-only" : "");
    }
    label(out, "MD5");
    fprintf(out, "%s\n",
            !cJSON_IsTrue(get(table, "md5")) ? "none"
            : cJSON_IsTrue(get(table, "ok")) ? "ok"
                                             : "see below");
    faults(table, out);
}

static void otadata_block(const cJSON *otadata, FILE *out)
{
    const cJSON *entry;
    unsigned sector = 0;
    cJSON_ArrayForEach(entry, get(otadata, "entries"))
    {
        label(out, sector ? "" : "otadata");
        fprintf(out, "sector %u: ", sector++);
        if (cJSON_IsTrue(get(entry, "empty")))
            fprintf(out, "empty\n");
        else
            fprintf(out, "sequence %u, %s, CRC %s\n", (unsigned)num(entry, "seq"), str(entry, "state"),
                    cJSON_IsTrue(get(entry, "crc_ok")) ? "ok" : "WRONG");
    }
    if (get(otadata, "selects")) {
        label(out, "");
        fprintf(out, "selects: %s\n", str(otadata, "selects"));
    }
}

static void file_block(const cJSON *file, FILE *out)
{
    const cJSON *app;
    if (get(file, "image"))
        image_block(get(file, "image"), out);
    if (get(file, "partition_table"))
        table_block(get(file, "partition_table"), out);
    if (get(file, "otadata"))
        otadata_block(get(file, "otadata"), out);
    cJSON_ArrayForEach(app, get(file, "apps"))
    {
        fprintf(out, "\n  app in partition \"%s\", at 0x%x of the file\n", str(app, "partition"),
                (unsigned)num(app, "offset"));
        image_block(app, out);
    }
    faults(file, out);
}

static void file_title(const cJSON *file, FILE *out)
{
    char size[16];
    fprintf(out, "%s: %s, %s bytes", str(file, "path"), str(file, "kind"), thousands(num(file, "size"), size));
    if (strcmp(str(file, "kind"), "merged image") == 0)
        fprintf(out, ", from flash address 0x%x on", (unsigned)num(file, "address"));
    fprintf(out, "\n");
}

// In a folder: one line a file; what is wrong behind it.
static const char *first_fault(const cJSON *item)
{
    const cJSON *fault = get(item, "faults");
    if (fault && fault->child)
        return str(fault->child, "what");
    for (const cJSON *child = item->child; child; child = child->next) {
        const char *deeper = cJSON_IsObject(child) || cJSON_IsArray(child) ? first_fault(child) : NULL;
        if (deeper)
            return deeper;
    }
    return NULL;
}

static void cargo_file(const cJSON *file, FILE *out)
{
    char size[16], address[12] = "by table";
    const char *fault = first_fault(file);
    const cJSON *app = get(get(file, "image"), "app");
    if (get(file, "flash_address"))
        snprintf(address, sizeof address, "0x%06x", (unsigned)num(file, "flash_address"));
    fprintf(out, "    %-9s %10s  %-16s  %-4s %s", address, thousands(num(file, "size"), size), str(file, "kind"),
            cJSON_IsTrue(get(file, "ok")) ? "ok" : "BAD", str(file, "path"));
    if (app)
        fprintf(out, "  (%s %s)", str(app, "project"), str(app, "version"));
    fprintf(out, "\n");
    if (fault)
        fprintf(out, "                                              %s\n", fault);
}

static void cargo_block(const cJSON *cargo, FILE *out)
{
    const cJSON *build, *file;
    fprintf(out, "%s: %s", str(cargo, "path"), str(cargo, "kind"));
    if (*str(cargo, "name"))
        fprintf(out, ", %s", str(cargo, "name"));
    if (*str(cargo, "version"))
        fprintf(out, " %s", str(cargo, "version"));
    fprintf(out, "\n");
    cJSON_ArrayForEach(build, get(cargo, "builds"))
    {
        fprintf(out, "  for %s\n", *str(build, "chip") ? str(build, "chip") : "a chip that nothing names");
        cJSON_ArrayForEach(file, get(build, "files")) cargo_file(file, out);
        faults(build, out);
    }
    faults(cargo, out);
}

void ferry_inspect_print(const cJSON *root, FILE *out)
{
    const cJSON *item;
    if (strcmp(str(root, "kind"), "folder") != 0 && !get(root, "cargo")) {
        file_title(root, out);
        file_block(root, out);
        return;
    }
    cJSON_ArrayForEach(item, get(root, "cargo")) cargo_block(item, out);
    if (num(root, "more"))
        fprintf(out, "and %u more that the list has no room for\n", (unsigned)num(root, "more"));
    cJSON_ArrayForEach(item, get(root, "refused"))
    {
        fprintf(out, "not usable: %s\n  try: %s\n", str(item, "what"), str(item, "hint"));
    }
    if (!get(root, "cargo")->child && !get(root, "refused")->child)
        fprintf(out, "%s: nothing that could be flashed\n", str(root, "path"));
    faults(root, out);
}
