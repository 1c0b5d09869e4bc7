// LightGBM's C API: its fast call for single rows, prepared once.
#include "bench.h"

extern "C" {
int LGBM_BoosterCreateFromModelfile(const char *, int *, void **);
int LGBM_BoosterFree(void *);
int LGBM_BoosterPredictForMatSingleRowFastInit(void *, int, int, int, int, int32_t, const char *, void **);
int LGBM_BoosterPredictForMatSingleRowFast(void *, const void *, int64_t *, double *);
int LGBM_FastConfigFree(void *);
int LGBM_BoosterPredictForMat(void *, const void *, int, int32_t, int32_t, int, int, int, int, const char *,
                              int64_t *, double *);
const char *LGBM_GetLastError();
}

constexpr int F32 = 0, PROBABILITY = 0, ROW_MAJOR = 1, ALL_TREES = -1;
constexpr const char *ONE_THREAD = "num_threads=1";

static void check(int failed) {
    if (failed) fail(LGBM_GetLastError());
}

struct LightGbm {
    void *booster, *fast;

    explicit LightGbm(const char *path) {
        int n_iterations;
        check(LGBM_BoosterCreateFromModelfile(path, &n_iterations, &booster));
        check(LGBM_BoosterPredictForMatSingleRowFastInit(booster, PROBABILITY, 0, ALL_TREES, F32, N_FEATURES,
                                                         ONE_THREAD, &fast));
    }

    ~LightGbm() {
        LGBM_FastConfigFree(fast);
        LGBM_BoosterFree(booster);
    }

    double one(const float *row) {
        int64_t length;
        double probability;
        check(LGBM_BoosterPredictForMatSingleRowFast(fast, row, &length, &probability));
        return probability;
    }

    void many(const float *rows, size_t n_rows, double *probabilities) {
        int64_t length;
        check(LGBM_BoosterPredictForMat(booster, rows, F32, n_rows, N_FEATURES, ROW_MAJOR, PROBABILITY, 0,
                                        ALL_TREES, ONE_THREAD, &length, probabilities));
    }
};

int main(int count, char **arguments) { return serve<LightGbm>(count, arguments); }
