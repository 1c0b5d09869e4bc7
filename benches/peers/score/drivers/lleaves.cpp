// A model that lleaves compiled. Its function takes rows of f64 and gives probabilities.
#include "bench.h"
#include <dlfcn.h>

// As many rows are turned into f64 at a time as stay in the cache.
constexpr size_t BLOCK = 256;

struct Lleaves {
    void *library;
    void (*forest)(const double *, double *, int, int);

    explicit Lleaves(const char *path) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (!library) fail(dlerror());
        forest = reinterpret_cast<decltype(forest)>(dlsym(library, "forest_root"));
        if (!forest) fail(dlerror());
    }

    ~Lleaves() { dlclose(library); }

    double one(const float *row) {
        double values[N_FEATURES], probability;
        std::copy(row, row + N_FEATURES, values);
        forest(values, &probability, 0, 1);
        return probability;
    }

    void many(const float *rows, size_t n_rows, double *probabilities) {
        static double values[BLOCK * N_FEATURES];
        for (size_t first = 0; first < n_rows; first += BLOCK) {
            size_t n = std::min(BLOCK, n_rows - first);
            std::copy(rows + first * N_FEATURES, rows + (first + n) * N_FEATURES, values);
            forest(values, probabilities + first, 0, n);
        }
    }
};

int main(int count, char **arguments) { return serve<Lleaves>(count, arguments); }
