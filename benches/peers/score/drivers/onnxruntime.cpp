// ONNX Runtime's C API. The Python package brings the library without its header; the functions
// stand in one table, whose order is frozen, so that each is known by its place. LIBRARY is the file.
#include "bench.h"
#include <dlfcn.h>

using Status = void *;
struct ApiBase {
    const void *const *(*api)(uint32_t version);
};

constexpr uint32_t API_VERSION = 17;
constexpr int F32 = 1, WARNINGS = 2, ALL_OPTIMISATIONS = 99, ARENA = 1, DEFAULT_MEMORY = 0;
enum Place {
    ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_OPTIONS = 10,
    SET_OPTIMISATION = 23,
    SET_INTRA_THREADS = 24,
    SET_INTER_THREADS = 25,
    CREATE_TENSOR = 49,
    CREATE_MEMORY_INFO = 69,
    RELEASE_SESSION = 95,
    RELEASE_VALUE = 96,
    RELEASE_OPTIONS = 100,
};

static const void *const *api = [] {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail(dlerror());
    return reinterpret_cast<const ApiBase *(*)()>(dlsym(library, "OrtGetApiBase"))()->api(API_VERSION);
}();

template <class... A> void call(Place place, A... arguments) {
    Status status = reinterpret_cast<Status (*)(A...)>(const_cast<void *>(api[place]))(arguments...);
    if (status) fail(reinterpret_cast<const char *(*)(Status)>(const_cast<void *>(api[ERROR_MESSAGE]))(status));
}

static void release(Place place, void *object) {
    reinterpret_cast<void (*)(void *)>(const_cast<void *>(api[place]))(object);
}

static void *created(Place place) {
    void *object;
    call(place, &object);
    return object;
}

struct OnnxRuntime {
    // Made once for the process.
    static inline void *env = nullptr, *memory = nullptr;
    void *session, *input, *output;
    // The places that the tensors of a single row lie over.
    float row_of_call[N_FEATURES], found_of_call[2];

    explicit OnnxRuntime(const char *path) {
        if (!env) {
            call(CREATE_ENV, int(WARNINGS), "driver", &env);
            call(CREATE_MEMORY_INFO, int(ARENA), int(DEFAULT_MEMORY), &memory);
        }
        void *options = created(CREATE_OPTIONS);
        call(SET_INTRA_THREADS, options, 1);
        call(SET_INTER_THREADS, options, 1);
        call(SET_OPTIMISATION, options, int(ALL_OPTIMISATIONS));
        call(CREATE_SESSION, env, path, options, &session);
        release(RELEASE_OPTIONS, options);
        input = tensor(row_of_call, 1, N_FEATURES);
        output = tensor(found_of_call, 1, 2);
    }

    ~OnnxRuntime() {
        release(RELEASE_VALUE, input);
        release(RELEASE_VALUE, output);
        release(RELEASE_SESSION, session);
    }

    double one(const float *row) {
        std::copy(row, row + N_FEATURES, row_of_call);
        run(input, output);
        return found_of_call[1];
    }

    void many(const float *rows, size_t n_rows, double *probabilities) {
        std::vector<float> found(2 * n_rows);
        void *all_rows = tensor(const_cast<float *>(rows), n_rows, N_FEATURES);
        void *all_found = tensor(found.data(), n_rows, 2);
        run(all_rows, all_found);
        for (size_t i = 0; i < n_rows; i++) probabilities[i] = found[2 * i + 1];
        release(RELEASE_VALUE, all_rows);
        release(RELEASE_VALUE, all_found);
    }

    void run(void *rows, void *found) {
        static const char *const inputs[] = {"rows"}, *const outputs[] = {"probabilities"};
        static void *const no_options = nullptr;
        call(RUN, session, no_options, inputs, &rows, size_t(1), outputs, size_t(1), &found);
    }

    static void *tensor(float *values, int64_t n_rows, int64_t n_columns) {
        const int64_t shape[] = {n_rows, n_columns};
        void *made;
        call(CREATE_TENSOR, memory, static_cast<void *>(values), sizeof(float) * n_rows * n_columns,
             static_cast<const int64_t *>(shape), size_t(2), int(F32), &made);
        return made;
    }
};

int main(int count, char **arguments) { return serve<OnnxRuntime>(count, arguments); }
