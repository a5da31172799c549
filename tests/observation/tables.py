"""The tables of the night of 2020-01-17 that lstosa is tested with, and others of their kind."""

RUNS = (
    (1803, 6, "DRS4"),
    (1804, 6, "DRS4"),
    (1805, 5, "PEDCALIB"),
    (1806, 5, "PEDCALIB"),
    (1807, 11, "DATA"),
    (1808, 9, "DATA"),
    (1809, 5, "PEDCALIB"),
)
SOURCES = ((1807, "Crab", 83.543, 22.08), (1808, "MadeUpSource", 115.441, 43.98))


def ecsv(columns, rows):
    """Return a table as lstchain writes it; *columns* are names with their types."""
    head = "".join(f"# - {{name: {name}, datatype: {kind}}}\n" for name, kind in columns.items())
    lines = [",".join(columns), *(",".join(str(value) for value in row) for row in rows)]
    return (
        f"# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n{head}# schema: astropy-2.0\n"
        + "".join(f"{line}\n" for line in lines)
    )


def summary_text(rows=RUNS):
    """Return a run summary."""
    return ecsv({"run_id": "int64", "n_subruns": "int64", "run_type": "string"}, rows)


def catalog_text(rows=SOURCES):
    """Return a run catalogue."""
    names = [(run, f'"{name}"', ra, dec) for run, name, ra, dec in rows]
    columns = {
        "run_id": "int32",
        "source_name": "string",
        "source_ra": "float64",
        "source_dec": "float64",
    }
    return ecsv(columns, names)
