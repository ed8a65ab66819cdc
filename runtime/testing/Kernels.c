/*===- Kernels.c - kernels for the runtime's tests ------------------------===
 *
 * Written to the kernel ABI (runtime/core/README.md) and built without any
 * library, as the compiler builds its own.
 *===------------------------------------------------------------------------===*/
#include <stdint.h>

typedef int64_t i64;

/* args: x[rows][cols], w[cols], y[rows][cols], cols. y = x + w, item = row. */
void add_row(const i64 *args, i64 worker, i64 begin, i64 end) {
  (void)worker;
  const float *x = (const float *)args[0], *w = (const float *)args[1];
  float *y = (float *)args[2];
  i64 cols = args[3];
  for (i64 i = begin * cols; i < end * cols; ++i)
    y[i] = x[i] + w[i % cols];
}

/* args: x[rows][cols], y[rows], cols, scratch, stride. y = sum of a row, by way
 * of the worker's scratch, so that two workers in one scratch would show. */
void row_sum(const i64 *args, i64 worker, i64 begin, i64 end) {
  const float *x = (const float *)args[0];
  float *y = (float *)args[1];
  i64 cols = args[2];
  volatile float *scratch = (float *)(args[3] + worker * args[4]);
  for (i64 row = begin; row < end; ++row) {
    for (i64 c = 0; c < cols; ++c)
      scratch[c] = x[row * cols + c];
    float sum = 0;
    for (i64 c = 0; c < cols; ++c)
      sum += scratch[c];
    y[row] = sum;
  }
}

/* args: y[n], value. y = value, item = element. */
void fill(const i64 *args, i64 worker, i64 begin, i64 end) {
  (void)worker;
  volatile float *y = (float *)args[0];
  for (i64 i = begin; i < end; ++i)
    y[i] = (float)args[1];
}

/* The same, item = 2 elements. */
void fill_pairs(const i64 *args, i64 worker, i64 begin, i64 end) {
  fill(args, worker, 2 * begin, 2 * end);
}

/* The same, item = 4 elements. */
void fill_rows(const i64 *args, i64 worker, i64 begin, i64 end) {
  fill(args, worker, 4 * begin, 4 * end);
}

/* args: y[n] of int64. Each item writes its number, counted once per visit. */
void count_visits(const i64 *args, i64 worker, i64 begin, i64 end) {
  (void)worker;
  i64 *y = (i64 *)args[0];
  for (i64 i = begin; i < end; ++i)
    y[i] += i + 1;
}
