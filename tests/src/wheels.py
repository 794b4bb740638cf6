"""A simple index of small pure wheels: wheels.py FOLDER NAME==VERSION... (PEP 427, PEP 503)."""

import hashlib, pathlib, re, sys, zipfile

folder = pathlib.Path(sys.argv[1])
for requirement in sys.argv[2:]:
    name, version = requirement.split("==")
    module = re.sub(r"[-.]+", "_", name)
    normalized = re.sub(r"[-_.]+", "-", name).lower()
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module.lower()}_stand_in.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.6\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: airlift\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = f"{module}-{version}-py3-none-any.whl"
    project = folder / normalized
    project.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(project / wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), text)
    links = ""
    for path in sorted(project.glob("*.whl")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        links += f'<a href="{path.name}#sha256={digest}">{path.name}</a>\n'
    (project / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")
