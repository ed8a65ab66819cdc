//===- CudaSessionTest.cpp - models run on a device -----------------------===//
//
// Through the C API and the real runtime, on the stand-in for the driver
// (tests/gpusim/driver), which does nothing before somebody waits for it.
//
//===----------------------------------------------------------------------===//
#include "runtime/testing/TestPackage.h"
#include "tests/gpusim/driver/Control.h"
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <thread>
#include <utility>

using namespace attune;
using namespace attune::testing;
using ::testing::HasSubstr;

namespace {

/// What the stand-in exports.
template <typename Function>
Function *control(const char *name) {
  void *library = ::dlopen(ATTUNE_TEST_CUDA_DRIVER, RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function *>(::dlsym(library, name));
}

void failAt(uint64_t call, int result) {
  control<void(uint64_t, int)>("attuneStandInFail")(call, result);
}
uint64_t calls() { return control<uint64_t()>("attuneStandInCalls")(); }
size_t live() { return control<size_t()>("attuneStandInLive")(); }
std::string forgive() {
  return control<const char *()>("attuneStandInForgive")();
}

constexpr int kInvalidValue = 1, kOutOfMemory = 2;

class CudaSessionTest : public ::testing::Test {
protected:
  void SetUp() override {
    ::setenv("ATTUNE_CUDA_DRIVER", ATTUNE_TEST_CUDA_DRIVER, 1);
    failAt(0, 0);
    write({});
  }
  void TearDown() override {
    close();
    EXPECT_EQ(live(), 0u);
    ::unsetenv("ATTUNE_CUDA_DRIVER");
  }

  void write(PackageOptions options) {
    if (options.ptx.empty())
      options.ptx = testPtx();
    writePackage(file, options);
  }
  attune_status load(const char *device, attune_model *&model) const {
    attune_load_options options;
    attune_load_options_init(&options);
    options.device = device;
    return attune_model_load(file.c_str(), &options, &model);
  }
  std::string loadErrorOn(const char *device) const {
    attune_load_options options;
    attune_load_options_init(&options);
    options.device = device;
    return loadError(file, &options);
  }
  static attune_status start(attune_model *model, attune_session *&session,
                             bool profile = false) {
    attune_session_options options;
    attune_session_options_init(&options);
    options.profile = profile;
    return attune_session_create(model, &options, &session);
  }
  /// Both, where they are to succeed.
  void open(const char *device = "cuda", bool profile = false) {
    ASSERT_EQ(load(device, model), ATTUNE_OK) << attune_error_message();
    ASSERT_EQ(start(model, session, profile), ATTUNE_OK)
        << attune_error_message();
  }
  void close() {
    attune_session_release(std::exchange(session, nullptr));
    attune_model_release(std::exchange(model, nullptr));
  }
  /// Runs at `rows`; when that succeeds the outputs are right.
  static attune_status run(attune_session *session, int64_t rows) {
    std::vector<float> data = testInput(rows);
    attune_tensor x = matrixOf(data, rows, 4);
    EXPECT_EQ(attune_session_set_input(session, 0, &x), ATTUNE_OK);
    attune_status status = attune_session_run(session);
    if (status == ATTUNE_OK)
      expectTestOutputs(session, rows);
    return status;
  }
  attune_status run(int64_t rows) { return run(session, rows); }

  attune_model *model = nullptr;
  attune_session *session = nullptr;
  TempFolder folder;
  const std::string file = folder.file("model.attune");
};

TEST_F(CudaSessionTest, RunsAtAnyBatchAndFromGraphs) {
  open();
  EXPECT_STREQ(attune_model_device(model), "cuda:0 attune GPU emulator");
  EXPECT_STREQ(attune_model_code_version(model), "sm_80 ptx");
  for (int64_t rows : {1, 3, 3, 3, 64, 64, 2, 10, 10, 10, 9})
    EXPECT_EQ(run(rows), ATTUNE_OK) << attune_error_message();
}

/// Once captured, a run is a graph, copies of inputs and outputs included.
TEST_F(CudaSessionTest, RepeatedRunsAreOneLaunch) {
  open();
  failAt(0, 0);
  ASSERT_EQ(run(12), ATTUNE_OK);
  uint64_t first = calls();
  ASSERT_EQ(run(12), ATTUNE_OK);
  failAt(0, 0);
  ASSERT_EQ(run(12), ATTUNE_OK);
  // The context, whose memory four tensors are in, the launch, the wait.
  EXPECT_EQ(calls(), 7u);
  EXPECT_GT(first, 7u);
  // Where the caller wants its outputs is no matter of the graph's.
  std::vector<float> z(12 * 4, -1);
  ASSERT_EQ(attune_session_set_output(session, 1, z.data(), z.size() * 4),
            ATTUNE_OK);
  failAt(0, 0);
  ASSERT_EQ(run(12), ATTUNE_OK);
  EXPECT_EQ(calls(), 7u);
  EXPECT_EQ(z.front(), 1.f);
}

/// Memory of the device as a caller has it who uses CUDA himself.
class DeviceBuffer {
  using Address = unsigned long long; // as the driver has it

public:
  explicit DeviceBuffer(size_t bytes) : bytes(bytes) {
    void *context = nullptr;
    control<int(void **, int)>("cuDevicePrimaryCtxRetain")(&context, 0);
    control<int(void *)>("cuCtxPushCurrent_v2")(context);
    control<int(void **, unsigned)>("cuStreamCreate")(&stream, 0);
    control<int(Address *, size_t)>("cuMemAlloc_v2")(&address, bytes);
  }
  ~DeviceBuffer() {
    void *context = nullptr;
    control<int(Address)>("cuMemFree_v2")(address);
    control<int(void *)>("cuStreamDestroy_v2")(stream);
    control<int(void **)>("cuCtxPopCurrent_v2")(&context);
    control<int(int)>("cuDevicePrimaryCtxRelease_v2")(0);
  }
  void *data() const { return reinterpret_cast<void *>(address); }
  void set(const void *from) const {
    copy(address, reinterpret_cast<Address>(from));
  }
  void get(void *to) const { copy(reinterpret_cast<Address>(to), address); }

private:
  void copy(Address to, Address from) const {
    control<int(Address, Address, size_t, void *)>("cuMemcpyAsync")(
        to, from, bytes, stream);
    control<int(void *)>("cuStreamSynchronize")(stream);
  }

  size_t bytes;
  void *stream = nullptr;
  Address address = 0;
};

/// Tensors of the caller may be on the device, or only some, from run to run.
TEST_F(CudaSessionTest, TensorsInMemoryOfTheDevice) {
  constexpr int64_t kRows = 7;
  open();
  std::vector<float> data = testInput(kRows), z(kRows * 4, -1);
  DeviceBuffer x(data.size() * 4), out(z.size() * 4);
  attune_tensor host = matrixOf(data, kRows, 4), device = host;
  device.data = x.data();
  unsigned step = 0;
  for (bool isDevice : {true, true, true, false, false, true, true}) {
    SCOPED_TRACE(step++);
    // Other numbers each time, which a graph must not remember.
    data[0] += 1;
    x.set(data.data());
    ASSERT_EQ(attune_session_set_input(session, 0, isDevice ? &device : &host),
              ATTUNE_OK);
    ASSERT_EQ(attune_session_set_output(
                  session, 1, isDevice ? out.data() : z.data(), z.size() * 4),
              ATTUNE_OK);
    ASSERT_EQ(attune_session_run(session), ATTUNE_OK) << attune_error_message();
    if (isDevice)
      out.get(z.data());
    for (size_t i = 0; i < z.size(); ++i)
      EXPECT_EQ(z[i], data[i] + float(i % 4 + 1));
  }
}

TEST_F(CudaSessionTest, OutputsInMemoryOfTheCaller) {
  open("cuda:0");
  std::vector<float> z(5 * 4, -1);
  ASSERT_EQ(attune_session_set_output(session, 1, z.data(), z.size() * 4),
            ATTUNE_OK);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(5), ATTUNE_OK);
  EXPECT_EQ(z.front(), 1.f);
}

TEST_F(CudaSessionTest, SessionsOfOneModelRunAtTheSameTime) {
  ASSERT_EQ(load("cuda", model), ATTUNE_OK);
  std::vector<std::thread> threads;
  for (int64_t rows : {3, 11, 20})
    threads.emplace_back([this, rows] {
      attune_session *own = nullptr;
      ASSERT_EQ(start(model, own), ATTUNE_OK);
      for (int i = 0; i < 4; ++i)
        EXPECT_EQ(run(own, rows), ATTUNE_OK) << attune_error_message();
      attune_session_release(own);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(CudaSessionTest, ProfilesEachLaunch) {
  open("cuda", /*profile=*/true);
  EXPECT_EQ(run(4), ATTUNE_OK);
  EXPECT_EQ(run(4), ATTUNE_OK);
  ASSERT_EQ(attune_session_profile_count(session), 4u);
  attune_profile_entry entry;
  ASSERT_EQ(attune_session_profile(session, 0, &entry), ATTUNE_OK);
  EXPECT_STREQ(entry.name, "/add");
  EXPECT_EQ(entry.runs, 2u);
  EXPECT_EQ(entry.total_ns, 500000u); // a quarter of a millisecond each
}

/// Every call of the driver fails once, in every way of a run: the status says
/// so unless it was one that gives something back, nothing is left behind, and
/// the session works when asked again.
TEST_F(CudaSessionTest, EveryCallMayFail) {
  for (int result : {kInvalidValue, kOutOfMemory}) {
    unsigned failed = 0;
    for (uint64_t call = 1;; ++call) {
      SCOPED_TRACE(call);
      failAt(call, result);
      attune_status status = load("cuda", model);
      if (status == ATTUNE_OK)
        status = start(model, session);
      for (int64_t rows : {3, 3, 3, 17, 17})
        if (status == ATTUNE_OK)
          status = run(rows);
      bool isOver = calls() < call;
      if (status != ATTUNE_OK) {
        ++failed;
        EXPECT_EQ(status, result == kOutOfMemory ? ATTUNE_OUT_OF_MEMORY
                                                 : ATTUNE_DEVICE_ERROR)
            << attune_error_message();
      }
      failAt(0, 0);
      if (session) {
        EXPECT_EQ(run(3), ATTUNE_OK) << attune_error_message();
        EXPECT_EQ(run(3), ATTUNE_OK) << attune_error_message();
      }
      close();
      ASSERT_EQ(live(), 0u) << attune_error_message();
      if (isOver) {
        EXPECT_GT(failed, call * 3 / 4);
        break;
      }
    }
  }
}

TEST_F(CudaSessionTest, ChoosesWhatThereIs) {
  ASSERT_EQ(load(nullptr, model), ATTUNE_OK);
  EXPECT_STREQ(attune_model_device(model), "cuda:0 attune GPU emulator");
  close();
  ASSERT_EQ(load("cpu", model), ATTUNE_OK);
  EXPECT_STREQ(attune_model_device(model), "cpu");
  close();
  EXPECT_THAT(loadErrorOn("cuda:1"),
              HasSubstr("there is no CUDA device 1, the last one is 0"));
  EXPECT_THAT(loadErrorOn("gpu"),
              HasSubstr("device \"gpu\": expected auto, cpu, cuda or cuda:"));
  ::setenv("ATTUNE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  EXPECT_THAT(loadErrorOn("cuda"),
              HasSubstr("ATTUNE_NO_DEVICE: " + file +
                        ": there is no CUDA driver: /nowhere/libcuda.so"));
  ASSERT_EQ(load("auto", model), ATTUNE_OK);
  EXPECT_STREQ(attune_model_device(model), "cpu");
  close();
}

TEST_F(CudaSessionTest, DriversThatAreTooOld) {
  ::setenv("ATTUNE_CUDA_DRIVER", ATTUNE_TEST_OLD_DRIVER, 1);
  EXPECT_THAT(loadErrorOn("cuda"),
              HasSubstr("ATTUNE_NO_DEVICE: " + file + ": "));
  EXPECT_THAT(loadErrorOn("cuda"),
              HasSubstr("the CUDA driver is for CUDA 11.8, expected 12.0 or "
                        "later; update it (missing: "));
  ASSERT_EQ(load("auto", model), ATTUNE_OK) << attune_error_message();
  EXPECT_STREQ(attune_model_device(model), "cpu");
}

TEST_F(CudaSessionTest, PackagesThatFitNoDevice) {
  writePackage(file);
  EXPECT_THAT(loadErrorOn("cuda"),
              HasSubstr("the package has no code for CUDA devices, only for "
                        "x86-64; compile it with --target cuda"));
  PackageOptions alone;
  alone.code.clear();
  write(alone);
  ::setenv("ATTUNE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  EXPECT_THAT(loadErrorOn("auto"),
              HasSubstr("code for CUDA devices only (sm_80 ptx), and there is "
                        "no CUDA driver"));
  EXPECT_THAT(loadErrorOn("auto"), HasSubstr("--target cpu"));
}

TEST_F(CudaSessionTest, PackagesThatDoMoreThanInfer) {
  PackageOptions entries, state;
  entries.entries = {"", "eval"};
  state.state = R"({"version": 1, "tensors": [{"name": "w", "kind":
    "parameter", "dtype": "f32", "dims": [4], "offset": 0}]})";
  for (const PackageOptions &options : {entries, state}) {
    write(options);
    EXPECT_EQ(loadErrorOn("cuda"),
              "ATTUNE_NO_DEVICE: " + file +
                  ": packages with several entry points or a state run on the "
                  "processor only");
    ASSERT_EQ(load("auto", model), ATTUNE_OK) << attune_error_message();
    EXPECT_STREQ(attune_model_device(model), "cpu");
    EXPECT_EQ(attune_model_entry_count(model), options.entries.size());
    close();
  }
}

TEST_F(CudaSessionTest, KernelsThatTheDriverRefuses) {
  PackageOptions options;
  options.ptx = testPtx() + "\nnonsense";
  write(options);
  EXPECT_THAT(loadErrorOn("cuda"), HasSubstr("CUDA_ERROR_INVALID_PTX"));
  options.ptx = ".version 7.0\n.target sm_80\n.address_size 64\n";
  write(options);
  EXPECT_THAT(loadErrorOn("cuda"), HasSubstr("cannot find the kernel add_row"));
}

TEST_F(CudaSessionTest, AKernelThatFails) {
  std::string wild = testPtx();
  size_t at = wild.find("st.global.f32 [%d2], %f2;");
  wild.replace(at, 0, "add.u64 %d2, %d2, 1048576; ");
  PackageOptions options;
  options.ptx = wild;
  write(options);
  for (bool profile : {false, true}) {
    open("cuda", profile);
    EXPECT_EQ(run(3), ATTUNE_DEVICE_ERROR);
    EXPECT_THAT(attune_error_message(), HasSubstr("CUDA_ERROR_LAUNCH_FAILED"));
    EXPECT_THAT(attune_error_message(),
                HasSubstr(profile ? "node 0 (/add)" : "a profile names"));
    // The context is lost, and says so each time.
    EXPECT_EQ(run(3), ATTUNE_DEVICE_ERROR);
    close();
    EXPECT_THAT(forgive(), HasSubstr("out of bounds: write of 4 bytes"));
  }
}

TEST_F(CudaSessionTest, MemoryOfTheDeviceRunsOut) {
  open();
  ASSERT_EQ(run(2), ATTUNE_OK);
  auto limit = control<void(uint64_t)>("attuneStandInMemory");
  limit(1024);
  EXPECT_EQ(run(60), ATTUNE_OUT_OF_MEMORY);
  EXPECT_THAT(attune_error_message(), HasSubstr("of attune GPU emulator for "));
  limit(uint64_t(1) << 34);
  EXPECT_EQ(run(60), ATTUNE_OK) << attune_error_message();
}

} // namespace
