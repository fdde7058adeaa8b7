"""Jobs as code: declared by ``@scheduled`` or in a file, planned, applied, exported.

``fields`` says what may be declared (from the model), ``parts`` what else belongs to a job,
``jobfile`` reads and ``exporting`` writes files, ``discovery`` finds what code declares,
``applying`` compares and carries out.
"""
