/* A user's program, in C: built against the installed package by find_package
 * and by pkg-config. Fails when header and library differ, or when an error is
 * not reported as the header says. */
#include <attune/attune.h>

#include <stdio.h>
#include <string.h>

int main(void) {
  if (attune_version() != ATTUNE_VERSION) {
    fprintf(stderr, "header %d, library %u\n", ATTUNE_VERSION,
            attune_version());
    return 1;
  }
  attune_load_options options;
  attune_load_options_init(&options);
  attune_model *model = NULL;
  attune_status status = attune_model_load("no-such-file", &options, &model);
  if (status != ATTUNE_IO_ERROR || model != NULL ||
      !strstr(attune_error_message(), "no-such-file")) {
    fprintf(stderr, "%s: %s\n", attune_status_name(status),
            attune_error_message());
    return 1;
  }
  attune_model_release(model);
  puts("consumer ok");
  return 0;
}
