"""Makes the files of samples/ that are no text: python3 make_samples.py

Nothing but the standard library, the same bytes on every run. The texts beside them were written by hand.
"""

import bz2
import gzip
import io
import lzma
import pathlib
import sqlite3
import struct
import tarfile
import tempfile
import wave
import zipfile
import zlib

SAMPLES = pathlib.Path(__file__).parent / "samples"
WIDTH, HEIGHT = 48, 32


def pixel(x, y):
    """Waves: red, green and blue, 0 to 255."""
    return (x * 5) % 256, (y * 7 + x) % 256, (x * y) % 256


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + bytes(c for x in range(WIDTH) for c in pixel(x, y)) for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def bmp():
    lines = b"".join(bytes(c for x in range(WIDTH) for c in reversed(pixel(x, y))) for y in reversed(range(HEIGHT)))
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(lines), 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(lines), 0, 0, 54) + header + lines


def gif():
    """Codes of nine bits with a clear code before the table grows: larger than need be, and simple."""
    palette = bytes(c for i in range(256) for c in (i, 255 - i, i // 2))
    bits, n_bits, packed = 0, 0, bytearray()
    codes = []
    for index in range(WIDTH * HEIGHT):
        if index % 200 == 0:
            codes.append(256)
        codes.append((index % WIDTH * 3 + index // WIDTH) % 256)
    for code in [*codes, 257]:
        bits |= code << n_bits
        n_bits += 9
        while n_bits >= 8:
            packed.append(bits & 255)
            bits, n_bits = bits >> 8, n_bits - 8
    packed.append(bits & 255)
    blocks = b"".join(bytes([len(packed[i : i + 255])]) + packed[i : i + 255] for i in range(0, len(packed), 255))
    screen = struct.pack("<6sHHBBB", b"GIF89a", WIDTH, HEIGHT, 0xF7, 0, 0)
    return screen + palette + struct.pack("<BHHHHB", 0x2C, 0, 0, WIDTH, HEIGHT, 0) + b"\x08" + blocks + b"\0;"


def ico():
    picture = png()
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", WIDTH, HEIGHT, 0, 0, 1, 24, len(picture), 22) + picture


def wav():
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        # A triangle at 200 Hz.
        sound.writeframes(b"".join(struct.pack("<h", (abs(i % 40 - 20) - 10) * 1500) for i in range(1600)))
    return out.getvalue()


def pdf():
    page = b"BT /F1 18 Tf 72 720 Td (Tides at Old Pier) Tj 0 -28 Td /F1 11 Tf (High water 10:02, 861 cm.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def elf():
    """A program for x86-64 Linux that ends with status 0, with a section table as linkers make it."""
    code = bytes.fromhex("b83c00000031ff0f05")
    names = b"\0.text\0.shstrtab\0.comment\0"
    comment = b"made by hand, with no linker\0"
    base, start = 0x400000, 64 + 56
    at_names, at_comment = start + len(code), start + len(code) + len(names)
    at_sections = (at_comment + len(comment) + 7) // 8 * 8
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + start, 64, at_sections, 0, 64, 56, 1, 64, 4, 2
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, at_names, at_names, 0x1000)
    section = lambda *fields: struct.pack("<IIQQQQIIQQ", *fields)
    sections = (
        section(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        + section(1, 1, 6, base + start, start, len(code), 0, 0, 16, 0)
        + section(7, 3, 0, 0, at_names, len(names), 0, 0, 1, 0)
        + section(17, 1, 0x30, 0, at_comment, len(comment), 0, 0, 1, 1)
    )
    body = header + segment + code + names + comment
    return body + b"\0" * (at_sections - len(body)) + sections


def wasm():
    """A module that exports `add`."""
    return bytes.fromhex(
        "0061736d01000000" "0107016002 7f7f017f".replace(" ", "") + "03020100" "0707010361646400 00".replace(" ", "")
        + "0a09010700200020016a0b" "000e046e616d65 0106010003616464".replace(" ", "")
    )


def zipped(*files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files:
            # The time stamp is fixed; names that packages want first stay uncompressed.
            info = zipfile.ZipInfo(name, (2026, 5, 3, 10, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return out.getvalue()


def docx():
    main = "http://schemas.openxmlformats.org"
    types = (
        f'<?xml version="1.0"?><Types xmlns="{main}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        f'<?xml version="1.0"?><Relationships xmlns="{main}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    text = (
        f'<?xml version="1.0"?><w:document xmlns:w="{main}/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>The boat is back in the harbour.</w:t></w:r></w:p></w:body></w:document>"
    )
    return zipped(("[Content_Types].xml", types), ("_rels/.rels", relations), ("word/document.xml", text))


def xlsx():
    main = "http://schemas.openxmlformats.org"
    types = (
        f'<?xml version="1.0"?><Types xmlns="{main}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
    )
    relation = lambda kind, target: (
        f'<?xml version="1.0"?><Relationships xmlns="{main}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}/officeDocument/2006/relationships/{kind}" Target="{target}"/></Relationships>'
    )
    book = (
        f'<?xml version="1.0"?><workbook xmlns="{main}/spreadsheetml/2006/main" '
        f'xmlns:r="{main}/officeDocument/2006/relationships"><sheets><sheet name="Costs" sheetId="1" r:id="r1"/></sheets></workbook>'
    )
    cells = "".join(f'<row r="{i}"><c r="A{i}"><v>{i * 17}</v></c><c r="B{i}"><v>{i * 3.5}</v></c></row>' for i in range(1, 9))
    sheet = f'<?xml version="1.0"?><worksheet xmlns="{main}/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'
    return zipped(
        ("[Content_Types].xml", types),
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml")),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml")),
        ("xl/worksheets/sheet1.xml", sheet),
    )


def epub():
    container = (
        '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    book = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">tides</dc:identifier><dc:title>Tides</dc:title>'
        '<dc:language>en</dc:language></metadata><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        '</manifest><spine><itemref idref="a"/></spine></package>'
    )
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Tides</title></head><body><p>Low water.</p></body></html>'
    return zipped(
        ("mimetype", "application/epub+zip"), ("META-INF/container.xml", container), ("OEBPS/book.opf", book), ("OEBPS/a.xhtml", page)
    )


def sqlite():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "readings.sqlite"
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE reading (station INTEGER, value REAL)")
        database.executemany("INSERT INTO reading VALUES (?, ?)", [(i % 3, i * 1.5) for i in range(40)])
        database.commit()
        database.close()
        stored = bytearray(path.read_bytes())
    # The number of the library's version.
    stored[96:100] = b"\0\0\0\0"
    return bytes(stored)


def tar(*names):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            data = (SAMPLES / name).read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_777_800_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def gzipped(data):
    packed = bytearray(gzip.compress(data, 9, mtime=0))
    packed[9] = 255
    return bytes(packed)


def npy():
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (64,), }".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<64d", *(i / 7 for i in range(64)))


def noise(n_bytes):
    """Bytes of a linear congruential generator: no type."""
    state, out = 20261121, bytearray()
    for _ in range(n_bytes):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return bytes(out)


def main():
    log = "".join(f"2026-05-03T10:{i % 60:02}:00Z INFO reading {i} tide {400 + i % 37}\n" for i in range(300)).encode()
    manual = (SAMPLES / "docs/manual.html").read_bytes()
    files = {
        "pictures/waves.png": png(),
        "pictures/waves.bmp": bmp(),
        "pictures/waves.gif": gif(),
        "pictures/waves.ico": ico(),
        "sounds/horn.wav": wav(),
        "docs/tides.pdf": pdf(),
        "docs/letter.docx": docx(),
        "docs/costs.xlsx": xlsx(),
        "docs/tides.epub": epub(),
        "data/readings.sqlite": sqlite(),
        "data/readings.npy": npy(),
        "archives/docs.zip": zipped(("manual.html", manual), ("letter.txt", (SAMPLES / "docs/letter.txt").read_bytes())),
        "archives/docs.tar": tar("docs/manual.html", "docs/readme.md"),
        "archives/log.gz": gzipped(log),
        "archives/log.bz2": bz2.compress(log),
        "archives/log.xz": lzma.compress(log),
        "programs/stop": elf(),
        "programs/add.wasm": wasm(),
        "inbox/invoice.pdf": elf(),
        "inbox/budget.csv": xlsx(),
        "inbox/notes.txt": zipped(("stop", elf())),
        "inbox/noise.dat": noise(3000),
        "inbox/large.bmp": bmp() + noise(60_000),
    }
    for name, data in files.items():
        path = SAMPLES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


main()
