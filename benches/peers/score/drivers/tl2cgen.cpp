// A model that tl2cgen turned into C and gcc compiled. Its function takes a row of unions in which
// missing values are marked, and adds to what the result holds.
#include "bench.h"
#include <dlfcn.h>

#ifdef F32_MODEL
using Number = float;
#else
using Number = double;
#endif

union Entry {
    int missing;
    Number value;
};

struct Tl2cgen {
    void *library;
    void (*predict)(Entry *, int, Number *);
    int n_classes = 1;

    explicit Tl2cgen(const char *path) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (!library) fail(dlerror());
        predict = reinterpret_cast<decltype(predict)>(dlsym(library, "predict"));
        auto classes = reinterpret_cast<void (*)(int32_t *)>(dlsym(library, "get_num_class"));
        if (!predict || !classes) fail(dlerror());
        classes(&n_classes);
    }

    ~Tl2cgen() { dlclose(library); }

    double one(const float *row) {
        Entry entries[N_FEATURES];
        for (size_t i = 0; i < N_FEATURES; i++) {
            if (std::isnan(row[i])) entries[i].missing = -1;
            else entries[i].value = row[i];
        }
        Number result[2] = {0, 0};
        predict(entries, 0, result);
        return result[n_classes - 1];
    }

    // It has no function for many rows.
    void many(const float *rows, size_t n_rows, double *probabilities) {
        for (size_t i = 0; i < n_rows; i++) probabilities[i] = one(rows + i * N_FEATURES);
    }
};

int main(int count, char **arguments) { return serve<Tl2cgen>(count, arguments); }
