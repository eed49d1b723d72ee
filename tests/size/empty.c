// What a program costs that does nothing: taken off the others.
int main(void)
{
    return 0;
}
