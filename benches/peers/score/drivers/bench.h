// What every driver of another library shares: it serves one model and, asked on stdin, measures it.
// `ours.rs` measures in the same way; what is changed here must be changed there.
//
// DRIVER MODEL ROWS ORDER SCORES: ROWS holds rows of 30 f32 with NaN for missing, ORDER a u32
// permutation of them, and SCORES becomes the f64 probabilities of all rows, from single calls and
// then from the batch. After that each line of stdin is answered with a line of JSON:
//   single  nanoseconds a call, each call timed alone, in random order
//   batch   rows a second of one thread, all rows in their order
//   load    milliseconds from the file's name to a model that can score
// Whatever a library wants of a row besides its address (f64, its own structures) is made of it
// within the call that is timed, and so is a probability if the library stops at log-odds.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

constexpr size_t N_FEATURES = 30;
constexpr size_t N_WARM_UP = 20'000;
// A pass that is shorter is repeated, at most so often, and the fastest counts.
constexpr double MEASURED_SECS = 0.25;
constexpr int MOST_PASSES = 5;
constexpr int N_LOADS = 5;

[[noreturn]] inline void fail(const std::string &problem) {
    std::fprintf(stderr, "error: %s\n", problem.c_str());
    std::exit(1);
}

template <class T> std::vector<T> read(const char *path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(std::string("cannot read ") + path);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    const T *first = reinterpret_cast<const T *>(bytes.data());
    return {first, first + bytes.size() / sizeof(T)};
}

inline uint64_t nanos() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

inline double sigmoid(double margin) { return 1 / (1 + std::exp(-margin)); }

// The shortest time of some passes, in seconds.
template <class F> double fastest(F pass) {
    double least = 1e300, total = 0;
    for (int i = 0; i < MOST_PASSES && total < MEASURED_SECS; i++) {
        uint64_t start = nanos();
        pass();
        double secs = (nanos() - start) * 1e-9;
        least = std::min(least, secs);
        total += secs;
    }
    return least;
}

// The time between two readings of the clock with nothing between them, the median of many.
inline uint64_t clock_cost() {
    std::vector<uint64_t> costs(100'001);
    for (uint64_t &cost : costs) {
        uint64_t start = nanos();
        cost = nanos() - start;
    }
    std::sort(costs.begin(), costs.end());
    return costs[costs.size() / 2];
}

// `Model` has a constructor from a file's name, `double one(const float *row)` and
// `void many(const float *rows, size_t n_rows, double *probabilities)`.
template <class Model> int serve(int count, const char *const *arguments) {
    if (count != 5) fail("usage: DRIVER MODEL ROWS ORDER SCORES");
    auto model = std::make_unique<Model>(arguments[1]);
    const auto rows = read<float>(arguments[2]);
    const auto order = read<uint32_t>(arguments[3]);
    const size_t n_rows = order.size();
    if (rows.size() != n_rows * N_FEATURES) fail("ROWS and ORDER hold different numbers of rows");
    const auto row = [&](size_t position) { return &rows[position * N_FEATURES]; };

    std::vector<double> scores(2 * n_rows);
    for (size_t i = 0; i < n_rows; i++) scores[i] = model->one(row(i));
    model->many(rows.data(), n_rows, &scores[n_rows]);
    std::ofstream(arguments[4], std::ios::binary)
        .write(reinterpret_cast<const char *>(scores.data()), scores.size() * sizeof(double));
    std::printf("{}\n");
    std::fflush(stdout);

    volatile double sink = 0;
    for (std::string asked; std::getline(std::cin, asked);) {
        if (asked == "single") {
            const uint64_t cost = clock_cost();
            std::vector<uint64_t> times(n_rows);
            for (size_t i = 0; i < std::min(N_WARM_UP, n_rows); i++) sink = model->one(row(order[i]));
            for (size_t i = 0; i < n_rows; i++) {
                uint64_t start = nanos();
                sink = model->one(row(order[i]));
                times[i] = nanos() - start;
            }
            std::sort(times.begin(), times.end());
            const auto at = [&](double share) {
                uint64_t time = times[size_t(share * (n_rows - 1))];
                return (unsigned long)(time - std::min(time, cost));
            };
            std::printf("{\"p50\": %lu, \"p99\": %lu, \"p999\": %lu}\n", at(0.5), at(0.99), at(0.999));
        } else if (asked == "batch") {
            double secs = fastest([&] { model->many(rows.data(), n_rows, scores.data()); });
            std::printf("{\"rows_per_s\": %.1f}\n", n_rows / secs);
        } else if (asked == "load") {
            std::vector<uint64_t> times(N_LOADS);
            for (uint64_t &time : times) {
                model.reset();
                uint64_t start = nanos();
                model = std::make_unique<Model>(arguments[1]);
                time = nanos() - start;
            }
            std::sort(times.begin(), times.end());
            std::printf("{\"load_ms\": %.4f}\n", times[N_LOADS / 2] * 1e-6);
        } else {
            fail("expected single, batch or load, found " + asked);
        }
        std::fflush(stdout);
    }
    return 0;
}
