// CatBoost's evaluator, which its C API calls too. The Python package has no C API, but its module
// holds the code and names it in its symbol table: `build.py` reads from there how far each function
// lies from the module's entry and passes that as AT_*. `catboost.py` starts this, since the module
// needs Python's symbols; nothing of Python runs between the calls that are timed.
#include "bench.h"
#include <cstring>

// Yandex's TArrayRef.
template <class T> struct Slice {
    T *first;
    size_t length;
};
using Row = Slice<const float>;
// No more than 40 KB for the smallest, and not looked into: an object of the library's own layout.
constexpr size_t FULL_MODEL_BYTES = 1 << 16;
// Rows of one call of a batch, enough that a larger block is no faster.
constexpr size_t BLOCK = 4096;

static char *module_base;

template <class F> F *at(size_t offset) { return reinterpret_cast<F *>(module_base + offset); }

struct CatBoost {
    std::vector<char> full = std::vector<char>(FULL_MODEL_BYTES);
    void *evaluator[2] = {};
    size_t n_trees;

    explicit CatBoost(const char *path) {
        const auto bytes = read<char>(path);
        // An object of the class is its table of virtual functions; two words precede these.
        void *loader[4] = {module_base + AT_LOADER_TABLE + 16};
        at<void(void *, void *, const void *, size_t)>(AT_READ)(full.data(), loader, bytes.data(), bytes.size());
        at<void(void *, void *)>(AT_EVALUATOR)(evaluator, full.data());
        n_trees = at<size_t(void *)>(AT_TREE_COUNT)(evaluator[0]);
    }

    double one(const float *row) {
        double margin;
        at<void(void *, Row, size_t, size_t, Slice<double>, const void *)>(AT_SINGLE)(
            evaluator[0], Row{row, N_FEATURES}, 0, n_trees, {&margin, 1}, nullptr);
        return sigmoid(margin);
    }

    void many(const float *rows, size_t n_rows, double *probabilities) {
        static Row block[BLOCK];
        for (size_t first = 0; first < n_rows; first += BLOCK) {
            size_t n = std::min(BLOCK, n_rows - first);
            for (size_t i = 0; i < n; i++) block[i] = {rows + (first + i) * N_FEATURES, N_FEATURES};
            at<void(void *, Slice<const Row>, size_t, size_t, Slice<double>, const void *)>(AT_FLAT)(
                evaluator[0], {block, n}, 0, n_trees, {probabilities + first, n}, nullptr);
            for (size_t i = first; i < first + n; i++) probabilities[i] = sigmoid(probabilities[i]);
        }
    }
};

extern "C" int drive(void *module_entry, int count, const char *const *arguments) {
    module_base = static_cast<char *>(module_entry) - AT_ENTRY;
    return serve<CatBoost>(count, arguments);
}
