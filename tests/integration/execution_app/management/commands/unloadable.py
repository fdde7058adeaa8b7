raise RuntimeError("its module breaks")
