#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 128

struct reading {
    char sensor[16];
    double value;
};

static int parse(const char *line, struct reading *out)
{
    return sscanf(line, "%15[^;];%lf", out->sensor, &out->value) == 2;
}

int main(int argc, char **argv)
{
    char line[MAX_LINE];
    struct reading reading;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!parse(line, &reading)) {
            fprintf(stderr, "bad line: %s", line);
            return EXIT_FAILURE;
        }
        printf("%s %.1f\n", reading.sensor, reading.value);
    }
    return EXIT_SUCCESS;
}
