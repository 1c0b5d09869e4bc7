"""What has to be compiled before anything can be measured: the drivers of `drivers/`, and models as
machine code. What is there and no older than what it is made of is used again."""

import os
import subprocess
import sys
from importlib.metadata import distribution

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "drivers")
COMPILER = ("g++", "-std=c++17", "-O3", "-march=native", "-pthread")

# The functions of CatBoost's module that its driver calls, by the names of its symbol table.
CATBOOST = {
    "AT_ENTRY": "PyInit__catboost",
    "AT_LOADER_TABLE": "_ZTVN3NCB18TBinaryModelLoaderE",
    "AT_READ": "_ZNK3NCB12IModelLoader9ReadModelEPKvm",
    "AT_EVALUATOR": "_ZNK10TFullModel19GetCurrentEvaluatorEv",
    "AT_TREE_COUNT": "_ZNK3NCB16NModelEvaluation7NDetail13TCpuEvaluator12GetTreeCountEv",
    "AT_SINGLE": "_ZNK3NCB16NModelEvaluation7NDetail13TCpuEvaluator14CalcFlatSingleE9TArrayRefIKfEmm"
    "S3_IdEPKNS0_14TFeatureLayoutE",
    "AT_FLAT": "_ZNK3NCB16NModelEvaluation7NDetail13TCpuEvaluator8CalcFlatE9TArrayRefIKS3_IKfEEmm"
    "S3_IdEPKNS0_14TFeatureLayoutE",
}


class Drivers:
    """The compiled drivers, below a folder."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def linked(self, name, package, library):
        """A driver linked to a library of a Python package."""
        path = installed(package, library)
        return self.compiled(name, [path, f"-Wl,-rpath,{os.path.dirname(path)}"])

    def opening(self, name, package, library):
        """A driver that opens a library of a Python package by its file."""
        return self.compiled(name, [f'-DLIBRARY="{installed(package, library)}"', "-ldl"])

    def loader(self, name, settings=(), suffix=""):
        """A driver that loads compiled models."""
        return self.compiled(name, [*settings, "-ldl"], suffix)

    def catboost(self):
        module = installed("catboost", "_catboost.so")
        driver = os.path.join(self.folder, "catboost.so")
        if stale(driver, [*sources("catboost"), module]):
            found = {}
            listed = run("nm", module, stdout=subprocess.PIPE).stdout
            wanted = {name.encode(): key for key, name in CATBOOST.items()}
            for line in listed.splitlines():
                address, _, name = line.rpartition(b" ")
                if name in wanted:
                    found[wanted[name]] = address.split()[0].decode()
            if missing := CATBOOST.keys() - found:
                raise SystemExit(f"error: {module}: expected {sorted(missing)} in its symbol table")
            offsets = [f"-D{key}=0x{address}" for key, address in found.items()]
            self.compiled("catboost", ["-shared", "-fPIC", *offsets], ".so", always=True)
        return [sys.executable, os.path.join(HERE, "catboost.py"), driver]

    def compiled(self, name, more, suffix="", always=False):
        output = os.path.join(self.folder, name + suffix)
        if always or stale(output, sources(name)):
            say(f"compiling the driver of {name}")
            run(*COMPILER, os.path.join(HERE, f"{name}.cpp"), "-o", output, *more)
        return [output]


def lleaves(model):
    """LightGBM's model as machine code, by LLVM."""
    output = model.path("lleaves.so")
    if stale(output, [model.path("model.txt")]):
        import lleaves as library

        say(f"compiling {model.name} with lleaves")
        compiled = model.path("lleaves.o")
        if os.path.exists(compiled):
            os.remove(compiled)
        library.Model(model_file=model.path("model.txt")).compile(cache=compiled, fcodemodel="small")
        run("gcc", "-shared", compiled, "-o", output, "-lm")
    return output


def tl2cgen(model, trees):
    """A model that Treelite reads, as C, in pieces that gcc compiles two at a time."""
    output = model.path("tl2cgen.so")
    if stale(output, [model.path("trees.json")]):
        import tl2cgen as library

        say(f"compiling {model.name} with tl2cgen and gcc")
        folder = model.path("tl2cgen")
        library.generate_c_code(trees(model), folder, {"parallel_comp": 32})
        pieces = [name for name in os.listdir(folder) if name.endswith(".c")]
        each = ["xargs", "-P2", "-I{}", "gcc", "-O3", "-fPIC", "-c", "{}"]
        run(*each, cwd=folder, input="\n".join(pieces).encode())
        objects = [name.replace(".c", ".o") for name in pieces]
        run("gcc", "-shared", *objects, "-o", output, "-lm", cwd=folder)
    return output


def onnx(model, convert):
    """The model in ONNX, whose trees hold f32."""
    output = model.path("model.onnx")
    if stale(output, [model.path("trees.json")]):
        say(f"converting {model.name} to ONNX")
        with open(output, "wb") as file:
            file.write(convert(model).SerializeToString())
    return output


def installed(package, name):
    """The one file of a Python package whose name begins so."""
    found = [file for file in distribution(package).files if file.name.startswith(name)]
    if len(found) != 1:
        raise SystemExit(f"error: expected one file {name} in {package}, found {found}")
    return str(found[0].locate())


def sources(name):
    return [os.path.join(HERE, file) for file in ("bench.h", f"{name}.cpp")]


def stale(output, inputs):
    if not os.path.exists(output):
        return True
    return any(os.path.getmtime(path) > os.path.getmtime(output) for path in inputs)


def run(*command, **more):
    done = subprocess.run(command, **more)
    if done.returncode != 0:
        raise SystemExit(f"error: {' '.join(command[:2])} ended with code {done.returncode}; see above")
    return done


def say(line):
    print(f"  {line}", file=sys.stderr, flush=True)
