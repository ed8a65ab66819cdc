/*===- attune.h - run compiled models ------------------------------------===
 *
 * The C API of attune. This header is the manual.
 *
 * The shortest program that runs a model (check every status in real code):
 *
 *   attune_model *model;
 *   attune_model_load("vit.attune", NULL, &model);
 *   attune_session *session;
 *   attune_session_create(model, NULL, &session);
 *
 *   attune_tensor x = {ATTUNE_F32, 4, {1, 3, 224, 224}, pixels, sizeof pixels};
 *   attune_session_set_input(session, 0, &x);
 *   if (attune_session_run(session) != ATTUNE_OK)
 *     fprintf(stderr, "%s\n", attune_error_message());
 *   attune_tensor y;
 *   attune_session_get_output(session, 0, &y);   // y.data holds y.bytes bytes
 *
 *   attune_session_release(session);
 *   attune_model_release(model);
 *
 * Conventions
 *  - Every function that can fail returns an attune_status; out pointers come
 *    last, are never NULL, and are set only on ATTUNE_OK.
 *  - After a failure attune_error_message() has one sentence with the facts.
 *  - release functions accept NULL.
 *  - Strings are UTF-8 and NUL terminated. Pointers to names live as long as
 *    the model.
 *  - Options structs are filled by their init function first, which sets
 *    struct_bytes, so that a program built against an older header stays valid.
 *  - Tensors are dense, row-major, aligned to their element; sizes in bytes.
 *  - A failed call leaves model and session usable.
 *
 * Threads
 *  - attune_model is immutable: any number of threads may use it at once.
 *  - attune_session is used by one thread at a time. Sessions of one model on
 *    different threads run at the same time without locks.
 *  - Results are the same bits for every thread count.
 *
 * Security: a damaged or foreign file is refused. A package holds code; load
 * only packages you trust.
 *===------------------------------------------------------------------------===*/
#ifndef ATTUNE_ATTUNE_H
#define ATTUNE_ATTUNE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATTUNE_MUST_USE __attribute__((warn_unused_result))
#define ATTUNE_API __attribute__((visibility("default")))
#else
#define ATTUNE_MUST_USE
#define ATTUNE_API
#endif

/*--- Version ---------------------------------------------------------------*/

#define ATTUNE_VERSION_MAJOR 0
#define ATTUNE_VERSION_MINOR 1
#define ATTUNE_VERSION_PATCH 0
/* major * 10000 + minor * 100 + patch. */
#define ATTUNE_VERSION                                                         \
  (ATTUNE_VERSION_MAJOR * 10000 + ATTUNE_VERSION_MINOR * 100 +                 \
   ATTUNE_VERSION_PATCH)

/* The version of the library. The header fits when major and minor are equal:
 * attune_version() / 100 == ATTUNE_VERSION / 100. */
ATTUNE_API uint32_t attune_version(void);

/*--- Status ----------------------------------------------------------------*/

typedef enum attune_status {
  ATTUNE_OK = 0,
  ATTUNE_INVALID_ARGUMENT = 1, /* NULL, index out of range, wrong options     */
  ATTUNE_IO_ERROR = 2,        /* file cannot be opened, read or mapped        */
  ATTUNE_BAD_PACKAGE = 3,     /* not a package, damaged, or another version   */
  ATTUNE_UNSUPPORTED_CPU = 4, /* no code version fits this processor          */
  ATTUNE_SHAPE_MISMATCH = 5,  /* dtype, rank, dims or sizes differ            */
  ATTUNE_OUT_OF_MEMORY = 6,   /* allocation refused, or above memory_limit    */
  ATTUNE_INTERNAL = 7,        /* a bug in attune: please report it            */
  ATTUNE_NO_DEVICE = 8,       /* no driver, no device, or none that fits      */
  ATTUNE_DEVICE_ERROR = 9     /* a call of the driver or a kernel failed      */
} attune_status;

/* "ATTUNE_OK", ... for every value; never NULL. */
ATTUNE_API const char *attune_status_name(attune_status status);

/* What went wrong in the last failed call on this thread: one line, never NULL,
 * valid until the next failing call on this thread. */
ATTUNE_API const char *attune_error_message(void);

/*--- Tensors ---------------------------------------------------------------*/

#define ATTUNE_MAX_RANK 8

typedef enum attune_dtype {
  ATTUNE_F32 = 1,
  ATTUNE_F64 = 2,
  ATTUNE_F16 = 3,
  ATTUNE_BF16 = 4,
  ATTUNE_I64 = 5,
  ATTUNE_I32 = 6,
  ATTUNE_I16 = 7,
  ATTUNE_I8 = 8,
  ATTUNE_U64 = 9,
  ATTUNE_U32 = 10,
  ATTUNE_U16 = 11,
  ATTUNE_U8 = 12,
  ATTUNE_BOOL = 13,              /* one byte, 0 or 1 */
  ATTUNE_DTYPE_SIZE = 0x7fffffff /* no dtype: any int may be asked about */
} attune_dtype;

/* Bytes of one element; 0 for an unknown value. */
ATTUNE_API size_t attune_dtype_bytes(attune_dtype dtype);
/* "f32", "i64", ...; "?" for an unknown value. */
ATTUNE_API const char *attune_dtype_name(attune_dtype dtype);

/* A dense row-major tensor over memory that somebody else owns. */
typedef struct attune_tensor {
  attune_dtype dtype;
  uint32_t rank; /* at most ATTUNE_MAX_RANK */
  int64_t dims[ATTUNE_MAX_RANK];
  void *data;   /* may be NULL when bytes is 0 */
  size_t bytes; /* product of dims times element size */
} attune_tensor;

/*--- Model -----------------------------------------------------------------*/

/* A loaded package: code, weights, plan. Immutable, shared by threads. */
typedef struct attune_model attune_model;

/* Where weights live while a model is loaded. */
typedef enum attune_weights_mode {
  /* Copied to huge pages below 4 GiB, mapped above. Some 6 points of peak speed
   * come from huge pages, which file mappings do not get. */
  ATTUNE_WEIGHTS_AUTO = 0,
  /* Mapped read-only from the file: shared between processes, loads at once. */
  ATTUNE_WEIGHTS_MAP = 1,
  ATTUNE_WEIGHTS_COPY = 2,
  ATTUNE_WEIGHTS_SIZE = 0x7fffffff /* no mode */
} attune_weights_mode;

typedef struct attune_load_options {
  size_t struct_bytes;
  attune_weights_mode weights;
  /* Features to act without, as "avx512f,fma", or the highest level to use, as
   * "x86-64-v3". NULL: the environment variable ATTUNE_CPU_MASK, else none. */
  const char *cpu_mask;
  /* Nonzero: read and check everything, but map no code. Such a model can be
   * queried; sessions cannot be created. */
  int32_t inspect_only;
  /* Where the model runs: "cpu", "cuda" (its first device) or "cuda:1". NULL or
   * "auto": on a CUDA device where the package has code for it and there is
   * one, else on the processor. The driver is loaded only where the package has
   * CUDA code; the environment variable ATTUNE_CUDA_DRIVER names another
   * library than libcuda.so.1. */
  const char *device;
} attune_load_options;

ATTUNE_API void attune_load_options_init(attune_load_options *options);

/* Loads a package, or the package inside an executable made by --emit=exe. All
 * checksums are verified before code is mapped. |options| may be NULL. */
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_model_load(const char *path, const attune_load_options *options,
                  attune_model **out_model);

/* Gives up the caller's reference. Sessions keep their model alive. */
ATTUNE_API void attune_model_release(attune_model *model);

/* Entry points. A package holds one or several: "infer", and where it trains
 * "init", "grad", "apply", "step" and "eval" as well. attune_model_load gives
 * "infer"; all that is said here of inputs, outputs, symbols, cost and sessions
 * is of the entry point of the handle. */
ATTUNE_API size_t attune_model_entry_count(const attune_model *model);
/* NULL when out of range. */
ATTUNE_API const char *attune_model_entry_name(const attune_model *model,
                                               size_t index);
/* Another handle to the same loaded package, released by itself. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_entry(
    attune_model *model, const char *name, attune_model **out_entry);

/* The manifest of the package (JSON: name, producer, source hash). */
ATTUNE_API const char *attune_model_manifest(const attune_model *model);

/* The code version in use: "x86-64-v3". With inspect_only the one that would be
 * used, or "" when none fits. */
ATTUNE_API const char *attune_model_code_version(const attune_model *model);

/* Where the model runs: "cpu", or "cuda:0 NVIDIA H200". With inspect_only "cpu"
 * or "". */
ATTUNE_API const char *attune_model_device(const attune_model *model);

/* Code versions in the package. */
typedef struct attune_code_info {
  const char *name;  /* "x86-64-v4" */
  size_t bytes;      /* of machine code and tables */
  int32_t supported; /* nonzero when this processor or the device can run it */
  int32_t cuda;      /* nonzero when it is for CUDA devices */
  /* Bytes of weights this version uses. */
  uint64_t weight_bytes;
} attune_code_info;
ATTUNE_API size_t attune_model_code_count(const attune_model *model);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_code(
    const attune_model *model, size_t index, attune_code_info *out_info);

/* A symbolic dim: a run-time size that inputs share by name. */
typedef struct attune_symbol_info {
  const char *name; /* "batch" */
  int64_t min, max; /* max is INT64_MAX when open */
  int64_t divisor;  /* the value is a multiple of it; 1 when free */
} attune_symbol_info;
ATTUNE_API size_t attune_model_symbol_count(const attune_model *model);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_symbol(
    const attune_model *model, size_t index, attune_symbol_info *out_info);

/* An input or output. */
typedef struct attune_value_info {
  const char *name;
  attune_dtype dtype;
  uint32_t rank;
  /* The size of each dim, or -1 where it depends on symbols. */
  int64_t dims[ATTUNE_MAX_RANK];
  /* Each dim as text: "768", "batch", "2*seq+1". */
  const char *dim_text[ATTUNE_MAX_RANK];
} attune_value_info;
ATTUNE_API size_t attune_model_input_count(const attune_model *model);
ATTUNE_API size_t attune_model_output_count(const attune_model *model);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_input(
    const attune_model *model, size_t index, attune_value_info *out_info);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_output(
    const attune_model *model, size_t index, attune_value_info *out_info);

/* What one run needs, known before it: sizes from the liveness table of the
 * plan. peak = arena + outputs + weights + state; the caller's inputs are not
 * counted.
 */
typedef struct attune_cost {
  uint64_t arena_bytes;  /* activations and scratch, after packing */
  uint64_t output_bytes; /* all outputs */
  uint64_t input_bytes;  /* all inputs */
  uint64_t weight_bytes; /* weights of the code version in use */
  uint64_t state_bytes;  /* what outlasts the run */
  uint64_t peak_bytes;   /* arena + outputs + weights + state */
  uint64_t lower_bound;  /* of arena_bytes: most bytes alive at one launch */
  double flops;          /* of one run, as the model counts them */
  double traffic_bytes;  /* read and written by launches */
  uint64_t launches;     /* kernels started by one run */
} attune_cost;

/* |values| has one value per symbol, in order. |threads| as in
 * attune_session_options (it decides how much scratch there is). */
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_model_cost(const attune_model *model, const int64_t *values,
                  size_t value_count, uint32_t threads, attune_cost *out_cost);

/* Dims of an output (or input) at given symbol values. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_input_dims(
    const attune_model *model, size_t index, const int64_t *values,
    size_t value_count, int64_t out_dims[ATTUNE_MAX_RANK]);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_output_dims(
    const attune_model *model, size_t index, const int64_t *values,
    size_t value_count, int64_t out_dims[ATTUNE_MAX_RANK]);

/*--- State -----------------------------------------------------------------*/

/* What outlasts a run: parameters, and what training keeps beside them. Entry
 * points read and write it; it belongs to one run at a time. */
typedef struct attune_state attune_state;

typedef enum attune_state_kind {
  ATTUNE_STATE_PARAMETER = 0,
  ATTUNE_STATE_GRADIENT = 1,
  ATTUNE_STATE_OPTIMIZER = 2, /* moments */
  ATTUNE_STATE_AVERAGE = 3,   /* of parameters, over steps */
  ATTUNE_STATE_KIND_SIZE = 0x7fffffff
} attune_state_kind;

typedef struct attune_state_info {
  const char *name; /* "block.0.attn.query.weight" */
  attune_state_kind kind;
  attune_tensor tensor; /* its memory, which the caller may read and write
                           between runs; NULL where only the model is asked */
} attune_state_info;

/* Tensors in a model's state; 0 where it has none. */
ATTUNE_API size_t attune_model_state_count(const attune_model *model);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_model_state(
    const attune_model *model, size_t index, attune_state_info *out_info);

/* Memory for all of it (cost.state_bytes), with the values that training begins
 * with: those in the package, else those of the entry point "init" for |seed|,
 * else zeros. Keeps the package alive; |model| is a handle to any of its entry
 * points. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_state_create(
    attune_model *model, uint64_t seed, attune_state **out_state);
/* Sessions keep their state alive. */
ATTUNE_API void attune_state_release(attune_state *state);
ATTUNE_API ATTUNE_MUST_USE attune_status attune_state_get(
    attune_state *state, size_t index, attune_state_info *out_info);

/*--- Session ---------------------------------------------------------------*/

/* Memory and threads to run a model, one run at a time. */
typedef struct attune_session attune_session;

typedef struct attune_session_options {
  size_t struct_bytes;
  /* Threads a run may use, the calling one included; 0: all processors this
   * process may use. They sleep between runs. */
  uint32_t threads;
  /* Nonzero: measure each launch (see attune_session_profile). */
  int32_t profile;
  /* Most bytes of arena and session-owned outputs; 0: no limit. */
  uint64_t memory_limit;
  /* What the entry point reads and writes, of the same package. NULL: a state
   * of the session's own, seed 0, where it needs one. */
  attune_state *state;
} attune_session_options;

ATTUNE_API void attune_session_options_init(attune_session_options *options);

ATTUNE_API ATTUNE_MUST_USE attune_status attune_session_create(
    attune_model *model, const attune_session_options *options,
    attune_session **out_session);
ATTUNE_API void attune_session_release(attune_session *session);

/* Points input |index| to the caller's memory, which must stay valid and
 * unchanged until the next run has returned. Where the model runs on a CUDA
 * device this may be memory of a device (cuMemAlloc, cudaMalloc, the data of a
 * PyTorch tensor): it is copied on the device and never seen by the host. What
 * the caller's streams still write there must be done before the run, whose own
 * work is done when it returns. Checks dtype, rank, static dims and bytes; dims
 * are compared with other inputs by the run. Stays set for later runs. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_session_set_input(
    attune_session *session, size_t index, const attune_tensor *input);

/* Has output |index| written to the caller's memory of |bytes| (at least what
 * the dims need, checked by the run); of a device, too, where the model runs on
 * one. NULL: back to memory of the session, which is the host's. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_session_set_output(
    attune_session *session, size_t index, void *data, size_t bytes);

/* Solves the dims from the inputs and takes the memory they need. run does this
 * itself; call it to learn output dims or to have the cost early. Costs nothing
 * when dims are as before. */
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_session_prepare(attune_session *session);

/* Runs the model on the inputs that are set. */
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_session_run(attune_session *session);

/* Output |index| after prepare (dims, bytes) or run (data too). The data
 * belongs to the session, or to the caller after set_output, and is overwritten
 * by the next run; memory of the session moves when dims change. */
ATTUNE_API ATTUNE_MUST_USE attune_status attune_session_get_output(
    attune_session *session, size_t index, attune_tensor *out_output);

/* Cost at the dims of the last prepare or run. */
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_session_cost(const attune_session *session, attune_cost *out_cost);

/* Threads a run uses. */
ATTUNE_API uint32_t attune_session_threads(const attune_session *session);

/* One launch of the last prepared dims, in order. Times add up over runs since
 * the session was created or attune_session_profile_reset. */
typedef struct attune_profile_entry {
  const char *name;   /* the node of the source model, "/encoder/layer.0/..." */
  const char *op;     /* what it does: "attention", "contraction+gelu" */
  const char *kernel; /* symbol in the code */
  uint64_t runs;
  uint64_t total_ns;
  double flops;         /* of one run */
  double traffic_bytes; /* of one run */
} attune_profile_entry;
ATTUNE_API size_t attune_session_profile_count(const attune_session *session);
ATTUNE_API ATTUNE_MUST_USE attune_status
attune_session_profile(const attune_session *session, size_t index,
                       attune_profile_entry *out_entry);
ATTUNE_API void attune_session_profile_reset(attune_session *session);

#ifdef __cplusplus
}
#endif
#endif /* ATTUNE_ATTUNE_H */
