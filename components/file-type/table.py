"""Makes src/types.tsv from the sources of the crate `magika`: python3 table.py FOLDER_OF_THE_CRATE

A line for each content type: label, MIME type, group, text or binary, then for those that the model knows its place in
the model's output, its threshold, and the label that stands for it.
"""

import pathlib
import re
import sys

crate = pathlib.Path(sys.argv[1]) / "src"
content, model = (crate / "content.rs").read_text(), (crate / "model.rs").read_text()

infos = {}
for name, body in re.findall(r"static (\w+): TypeInfo = TypeInfo \{(.*?)\n\};", content, re.S):
    fields = dict(re.findall(r'(\w+): (".*?"|true|false),', body))
    infos[name] = [fields[key].strip('"') for key in ("label", "mime_type", "group")] + [
        "text" if fields["is_text"] == "true" else "binary"
    ]
info_of = dict(re.findall(r"ContentType::(\w+) => &(\w+),", content))
order = re.findall(r"^    (\w+),$", re.search(r"pub enum ContentType \{(.*?)\n\}", content, re.S)[1], re.M)
labels = re.findall(r"Label::(\w+) => ContentType::(\w+),", model)
indexes = re.findall(r"^    (\w+),$", re.search(r"enum Label \{(.*?)\n\}", model, re.S)[1], re.M)
place = {kind: indexes.index(label) for label, kind in labels}
thresholds = [float(x) for x in re.search(r"THRESHOLDS: .*? = \[(.*?)\];", model, re.S)[1].split(",")]
overwrites = re.findall(r"ContentType::(\w+),", re.search(r"OVERWRITE_MAP: .*? = \[(.*?)\];", model, re.S)[1])
assert len(order) == len(thresholds) == len(overwrites) and len(labels) == len(indexes)

lines = []
for kind, threshold, overwrite in zip(order, thresholds, overwrites):
    known = [str(place[kind]), str(threshold), infos[info_of[overwrite]][0]] if kind in place else []
    lines.append("\t".join(infos[info_of[kind]] + known))
pathlib.Path(__file__).with_name("src").joinpath("types.tsv").write_text("\n".join(lines) + "\n")
