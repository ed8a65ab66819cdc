/* A kernel that an import-free shared object cannot hold: it calls libm. */
float erff(float);
void row_sum(const long *args, long worker, long begin, long end) {
  (void)worker;
  for (long i = begin; i < end; ++i)
    ((float *)args[1])[i] = erff(((const float *)args[0])[i]);
}
