// XGBoost's C API: prediction in place. It adds leaves in f32.
#include "bench.h"

extern "C" {
int XGBoosterCreate(void *const *, uint64_t, void **);
int XGBoosterFree(void *);
int XGBoosterLoadModel(void *, const char *);
int XGBoosterSetParam(void *, const char *, const char *);
int XGProxyDMatrixCreate(void **);
int XGDMatrixFree(void *);
int XGBoosterPredictFromDense(void *, const char *, const char *, void *, const uint64_t **, uint64_t *,
                              const float **);
const char *XGBGetLastError();
}

constexpr const char *SETTINGS =
    R"({"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN,
        "strict_shape": false, "cache_id": 0})";

static void check(int failed) {
    if (failed) fail(XGBGetLastError());
}

struct XgBoost {
    void *booster, *proxy;
    // A place of its own, so that what describes it is written once and not at every call.
    float row_of_call[N_FEATURES];
    std::string described;

    explicit XgBoost(const char *path) {
        check(XGBoosterCreate(nullptr, 0, &booster));
        check(XGBoosterLoadModel(booster, path));
        check(XGBoosterSetParam(booster, "nthread", "1"));
        check(XGProxyDMatrixCreate(&proxy));
        described = describe(row_of_call, 1);
    }

    ~XgBoost() {
        XGDMatrixFree(proxy);
        XGBoosterFree(booster);
    }

    double one(const float *row) {
        std::copy(row, row + N_FEATURES, row_of_call);
        return predict(described)[0];
    }

    void many(const float *rows, size_t n_rows, double *probabilities) {
        const float *found = predict(describe(rows, n_rows));
        std::copy(found, found + n_rows, probabilities);
    }

    const float *predict(const std::string &rows) {
        const uint64_t *shape;
        uint64_t n_dimensions;
        const float *found;
        check(XGBoosterPredictFromDense(booster, rows.c_str(), SETTINGS, proxy, &shape, &n_dimensions, &found));
        return found;
    }

    static std::string describe(const float *rows, size_t n_rows) {
        return R"({"data": [)" + std::to_string(reinterpret_cast<uintptr_t>(rows)) + R"(, true], "shape": [)" +
               std::to_string(n_rows) + ", " + std::to_string(N_FEATURES) +
               R"(], "strides": null, "typestr": "<f4", "version": 3})";
    }
};

int main(int count, char **arguments) { return serve<XgBoost>(count, arguments); }
