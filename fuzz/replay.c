/*
 * Runs a fuzz target without a fuzzer: every file of its corpus, then variants of each (cut, bits flipped,
 * bytes doubled), the same ones each time. replay CORPUS_DIR [VARIANTS]
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (4u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

/* In memory of exactly its size, so that a sanitizer sees the first byte too many. */
static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		exit(1);
	if (size)
		memcpy(exact, bytes, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static void run_variant(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(2 * size + 16);
	size_t n = size, changes = 1 + next_random() % 8;

	if (!copy)
		exit(1);
	if (size)
		memcpy(copy, bytes, size);
	while (n && changes--) {
		size_t at = next_random() % n;

		switch (next_random() % 5) {
		case 0:
			copy[at] ^= (uint8_t)(1u << next_random() % 8);
			break;
		case 1:
			copy[at] = (uint8_t)next_random();
			break;
		case 2:
			n = at;
			break;
		case 3: /* a byte more */
			if (n < 2 * size) {
				memmove(copy + at + 1, copy + at, n - at);
				n++;
			}
			break;
		default: /* a byte less */
			memmove(copy + at, copy + at + 1, n - at - 1);
			n--;
			break;
		}
	}
	run(copy, n);
	free(copy);
}

static void run_file(const char *path, long variants)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(FILE_MAX_BYTES);
	size_t size;

	if (!file || !bytes) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	size = fread(bytes, 1, FILE_MAX_BYTES, file);
	fclose(file);
	run(bytes, size);
	for (long i = 0; i < variants; i++)
		run_variant(bytes, size);
	free(bytes);
}

int main(int argc, char **argv)
{
	DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
	long variants = argc > 2 ? strtol(argv[2], NULL, 10) : 300;
	unsigned files = 0;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS_DIR [VARIANTS]\n", argv[0]);
		return 2;
	}
	run((const uint8_t *)"", 0);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char path[1024];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		run_file(path, variants);
		files++;
	}
	closedir(dir);
	printf("1..1\nok 1 - %u files and %ld variants of each\n", files, variants);
	return files ? 0 : 1;
}
