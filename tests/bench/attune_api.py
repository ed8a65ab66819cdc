"""The C API by ctypes: what a Python program needs to run a package.

Enters: a package and NumPy inputs by name. Leaves: NumPy outputs by name. Memory of a device
is given by its address (`set_input_at`, `set_output_at`).
"""
import ctypes as c

import numpy as np

MAX_RANK = 8
DTYPES = {1: np.float32, 2: np.float64, 3: np.float16, 5: np.int64, 6: np.int32,
          7: np.int16, 8: np.int8, 9: np.uint64, 10: np.uint32, 11: np.uint16, 12: np.uint8,
          13: np.bool_}


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_int), ("rank", c.c_uint32), ("dims", c.c_int64 * MAX_RANK),
                ("data", c.c_void_p), ("bytes", c.c_size_t)]


class ValueInfo(c.Structure):
    _fields_ = [("name", c.c_char_p), ("dtype", c.c_int), ("rank", c.c_uint32),
                ("dims", c.c_int64 * MAX_RANK), ("dim_text", c.c_char_p * MAX_RANK)]


class LoadOptions(c.Structure):
    _fields_ = [("struct_bytes", c.c_size_t), ("weights", c.c_int), ("cpu_mask", c.c_char_p),
                ("inspect_only", c.c_int32), ("device", c.c_char_p)]


class SessionOptions(c.Structure):
    _fields_ = [("struct_bytes", c.c_size_t), ("threads", c.c_uint32), ("profile", c.c_int32),
                ("memory_limit", c.c_uint64), ("state", c.c_void_p)]


class ProfileEntry(c.Structure):
    _fields_ = [("name", c.c_char_p), ("op", c.c_char_p), ("kernel", c.c_char_p),
                ("runs", c.c_uint64), ("total_ns", c.c_uint64), ("flops", c.c_double),
                ("traffic_bytes", c.c_double)]


class Cost(c.Structure):
    _fields_ = [(name, c.c_uint64) for name in (
        "arena_bytes", "output_bytes", "input_bytes", "weight_bytes", "state_bytes",
        "peak_bytes", "lower_bound")] + [("flops", c.c_double), ("traffic_bytes", c.c_double),
                           ("launches", c.c_uint64)]


class Session:
    """One entry point of a package, one session; not for use by several threads.

    The state, where the package has one, is the session's own.
    """

    def __init__(self, library, package, threads, device=None, profile=False, entry=None):
        self.api = c.CDLL(library)
        self.api.attune_error_message.restype = c.c_char_p
        self.api.attune_model_code_version.restype = c.c_char_p
        self.api.attune_model_device.restype = c.c_char_p
        self.api.attune_session_profile_count.restype = c.c_size_t
        for count in ("input", "output"):
            getattr(self.api, f"attune_model_{count}_count").restype = c.c_size_t
        self.model, self.session = c.c_void_p(), c.c_void_p()
        load = LoadOptions()
        self.api.attune_load_options_init(c.byref(load))
        load.device = device.encode() if device else None
        self.check(self.api.attune_model_load(package.encode(), c.byref(load),
                                              c.byref(self.model)))
        if entry:
            handle = c.c_void_p()
            self.check(self.api.attune_model_entry(self.model, entry.encode(), c.byref(handle)))
            self.api.attune_model_release(self.model)
            self.model = handle
        options = SessionOptions()
        self.api.attune_session_options_init(c.byref(options))
        options.threads, options.profile = threads, profile
        self.check(self.api.attune_session_create(self.model, c.byref(options),
                                                  c.byref(self.session)))
        self.input_names = self.names("input")
        self.output_names = self.names("output")

    def check(self, status):
        if status:
            raise RuntimeError(self.api.attune_error_message().decode())

    def names(self, kind):
        info = ValueInfo()
        names = []
        for i in range(getattr(self.api, f"attune_model_{kind}_count")(self.model)):
            query = getattr(self.api, f"attune_model_{kind}")
            self.check(query(self.model, c.c_size_t(i), c.byref(info)))
            names.append(info.name.decode())
        return names

    @property
    def code_version(self):
        return self.api.attune_model_code_version(self.model).decode()

    @property
    def device(self):
        return self.api.attune_model_device(self.model).decode()

    def set_inputs(self, inputs):
        """`inputs` by name; kept alive until the next call."""
        codes = {np.dtype(v): k for k, v in DTYPES.items()}
        self.inputs = [np.asarray(inputs[name], order="C") for name in self.input_names]
        for i, array in enumerate(self.inputs):
            self.set_input_at(i, codes[array.dtype], array.shape, array.ctypes.data, array.nbytes)

    def set_input_at(self, index, code, shape, address, size):
        """`code` as in DTYPES; the memory must stay until the last run."""
        tensor = Tensor(code, len(shape))
        tensor.dims[:len(shape)] = shape
        tensor.data, tensor.bytes = address, size
        self.check(self.api.attune_session_set_input(self.session, c.c_size_t(index),
                                                     c.byref(tensor)))

    def set_output_at(self, index, address, size):
        self.check(self.api.attune_session_set_output(self.session, c.c_size_t(index),
                                                      c.c_void_p(address), c.c_size_t(size)))

    def output_shape(self, index):
        """Of the inputs that are set."""
        tensor = Tensor()
        self.check(self.api.attune_session_prepare(self.session))
        self.check(self.api.attune_session_get_output(self.session, c.c_size_t(index),
                                                      c.byref(tensor)))
        return list(tensor.dims[:tensor.rank])

    def run(self):
        self.check(self.api.attune_session_run(self.session))

    def outputs(self):
        result = {}
        for i, name in enumerate(self.output_names):
            tensor = Tensor()
            self.check(self.api.attune_session_get_output(self.session, c.c_size_t(i),
                                                          c.byref(tensor)))
            data = (c.c_char * tensor.bytes).from_address(tensor.data)
            array = np.frombuffer(data, DTYPES[tensor.dtype])
            result[name] = array.reshape(list(tensor.dims[:tensor.rank])).copy()
        return result

    def profile(self):
        """What each launch of a profiled session does and takes, in milliseconds of one run."""
        entry, result = ProfileEntry(), []
        for i in range(self.api.attune_session_profile_count(self.session)):
            self.check(self.api.attune_session_profile(self.session, c.c_size_t(i),
                                                       c.byref(entry)))
            if entry.runs:
                result.append(dict(name=entry.name.decode(), op=entry.op.decode(),
                                   kernel=entry.kernel.decode(), flops=entry.flops,
                                   ms=entry.total_ns / entry.runs / 1e6))
        return result

    def reset_profile(self):
        self.api.attune_session_profile_reset(self.session)

    def cost(self):
        """At the dims of the last run."""
        cost = Cost()
        self.check(self.api.attune_session_cost(self.session, c.byref(cost)))
        return cost

    def close(self):
        self.api.attune_session_release(self.session)
        self.api.attune_model_release(self.model)
        self.model, self.session = c.c_void_p(), c.c_void_p()
