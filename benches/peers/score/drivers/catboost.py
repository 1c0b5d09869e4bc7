"""Loads CatBoost's module and hands over to the driver: `catboost.py DRIVER MODEL ROWS ORDER SCORES`."""

import ctypes
import sys

# The folder of this file holds a `catboost` too.
sys.path.pop(0)
from catboost import _catboost  # noqa: E402

entry = ctypes.cast(ctypes.CDLL(_catboost.__file__).PyInit__catboost, ctypes.c_void_p)
driver, *arguments = sys.argv[1:]
words = [word.encode() for word in ["catboost", *arguments]]
sys.exit(ctypes.CDLL(driver).drive(entry, len(words), (ctypes.c_char_p * len(words))(*words)))
