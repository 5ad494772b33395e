#!/usr/bin/env python3
"""The search engines that ours is measured beside: tantivy, and FTS5 of SQLite.

`bench_search_peer.py corpus FOLDER` writes FOLDER/packages.jsonl, the descriptions of Debian's packages, and
FOLDER/queries.json, queries sampled from them. `bench_search_peer.py serve CORPUS FOLDER` indexes them in FOLDER, says how
that went, and then answers each line `{"engine", "kind", "count"}` with the seconds of each query.
"""
import glob
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time

SAMPLES = 300
STOP_WORDS = set(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to "
    "was will with".split())


# The corpus

def stanzas(text):
    for block in text.split("\n\n"):
        fields, key = {}, None
        for line in block.split("\n"):
            if line[:1] in (" ", "\t"):
                if key:
                    fields[key] += "\n" + line[1:]
            elif ":" in line:
                key, value = line.split(":", 1)
                fields[key] = value.strip()
        if fields:
            yield fields


def lists(folder, kind):
    for path in sorted(glob.glob(f"{folder}/lists/*{kind}*")):
        shown = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], capture_output=True, check=True)
        yield from stanzas(shown.stdout.decode("utf-8", "replace"))


def corpus(folder):
    os.makedirs(f"{folder}/lists/partial", exist_ok=True)
    options = ["-o", "Acquire::Languages=en", "-o", f"Dir::State::lists={os.path.abspath(folder)}/lists",
               "-o", f"Dir::Cache={os.path.abspath(folder)}/cache"]
    subprocess.run(["apt-get", "update", "-qq", *options], check=True, stdin=subprocess.DEVNULL)
    descriptions = {}
    for fields in lists(folder, "Translation-en"):
        if "Description-en" in fields:
            lines = fields["Description-en"].split("\n")
            descriptions[fields["Description-md5"]] = "\n".join("" if line == "." else line for line in lines)
    packages = {}
    for fields in lists(folder, "_Packages"):
        text = descriptions.get(fields.get("Description-md5"), fields.get("Description", ""))
        name = fields["Package"]
        packages.setdefault(name, {"id": name, "section": fields.get("Section", ""), "size": int(fields["Size"]), "text": text})
    packages = [packages[name] for name in sorted(packages)]
    with open(f"{folder}/packages.jsonl", "w") as out:
        for package in packages:
            out.write(json.dumps(package, ensure_ascii=False) + "\n")
    with open(f"{folder}/queries.json", "w") as out:
        json.dump(queries([package["text"] for package in packages]), out)


def queries(texts):
    chance = random.Random(7)

    def words(text):
        return [w.lower() for w in re.findall(r"[A-Za-z]{3,}", text) if w.lower() not in STOP_WORDS]

    def sample(make):
        found = {}
        while len(found) < SAMPLES:
            if query := make(chance.choice(texts)):
                found[query] = True
        return list(found)

    def some(count):
        def make(text):
            distinct = sorted(set(words(text)))
            return " ".join(chance.sample(distinct, count)) if len(distinct) >= count else None
        return make

    def phrase(text):
        pairs = re.findall(r"(?=\b([A-Za-z]{3,} [A-Za-z]{3,})(?![A-Za-z-]))", text.lower())
        pairs = [pair for pair in pairs if not set(pair.split()) & STOP_WORDS]
        return chance.choice(pairs) if pairs else None

    def prefix(text):
        long = [word for word in words(text) if len(word) >= 5]
        return chance.choice(long)[:chance.randrange(3, 6)] if long else None

    def misspelt(text):
        long = [word for word in words(text) if len(word) >= 5]
        if not long:
            return None
        word = chance.choice(long)
        place, letter = chance.randrange(1, len(word)), chance.choice("abcdefghijklmnopqrstuvwxyz")
        return chance.choice([
            word[:place] + letter + word[place + 1:], word[:place] + word[place + 1:],
            word[:place] + letter + word[place:], word[:place] + word[place:place + 2][::-1] + word[place + 2:]])

    return {"term": sample(some(1)), "and": sample(some(2)), "or": sample(some(3)), "phrase": sample(phrase),
            "prefix": sample(prefix), "fuzzy": sample(misspelt)}


# The engines

class Tantivy:
    def __init__(self, documents, folder):
        import tantivy
        os.makedirs(folder)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("text", stored=False, tokenizer_name="en_stem", index_option="position")
        self.index = tantivy.Index(builder.build(), path=folder)
        start = time.perf_counter()
        writer = self.index.writer(heap_size=256 << 20, num_threads=1)
        for document in documents:
            writer.add_document(tantivy.Document(id=document["id"], text=document["text"]))
        writer.commit()
        self.indexing = time.perf_counter() - start
        writer.wait_merging_threads()
        self.bytes = sum(entry.stat().st_size for entry in os.scandir(folder))
        self.index.reload()
        self.searcher = self.index.searcher()

    def query(self, kind, text):
        words = text.split()
        fuzzy = {}
        if kind == "and":
            text = " ".join("+" + word for word in words)
        elif kind == "phrase":
            text = f'"{text}"'
        elif kind == "prefix":
            fuzzy = {"text": (True, 0, True)}
        elif kind == "fuzzy":
            fuzzy = {"text": (False, 1 if len(text) <= 8 else 2, True)}
        return self.index.parse_query(text, ["text"], fuzzy_fields=fuzzy)

    def times(self, kind, texts):
        # What reads the query is left out.
        prepared = [self.query(kind, text) for text in texts]
        times = []
        for query in prepared:
            start = time.perf_counter()
            self.searcher.search(query, 10, count=False)
            times.append(time.perf_counter() - start)
        return times


class FTS5:
    def __init__(self, documents, folder):
        os.makedirs(folder)
        self.database = sqlite3.connect(folder + "/fts5.sqlite")
        self.database.execute("CREATE VIRTUAL TABLE t USING fts5(text, content='', tokenize='porter unicode61')")
        start = time.perf_counter()
        self.database.executemany(
            "INSERT INTO t(rowid, text) VALUES (?, ?)", ((n + 1, d["text"]) for n, d in enumerate(documents)))
        self.database.commit()
        self.indexing = time.perf_counter() - start
        self.database.execute("INSERT INTO t(t) VALUES ('optimize')")
        self.database.commit()
        self.database.execute("VACUUM")
        self.bytes = os.path.getsize(folder + "/fts5.sqlite")

    def times(self, kind, texts):
        times = []
        for text in texts:
            words = [f'"{word}"' for word in text.split()]
            match = {"or": " OR ".join(words), "phrase": f'"{text}"', "prefix": f"{words[0]}*"}.get(kind, " ".join(words))
            start = time.perf_counter()
            self.database.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 10", (match,)).fetchall()
            times.append(time.perf_counter() - start)
        return times


def serve(corpus, folder):
    with open(f"{corpus}/packages.jsonl") as lines:
        documents = [json.loads(line) for line in lines]
    with open(f"{corpus}/queries.json") as lines:
        queries = json.load(lines)
    engines = {"tantivy": Tantivy(documents, folder + "/tantivy"), "fts5": FTS5(documents, folder + "/fts5")}
    print(json.dumps({name: {"indexing": engine.indexing, "bytes": engine.bytes} for name, engine in engines.items()}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        texts = queries[question["kind"]][:question["count"]]
        print(json.dumps(engines[question["engine"]].times(question["kind"], texts)), flush=True)


if __name__ == "__main__":
    corpus(sys.argv[2]) if sys.argv[1] == "corpus" else serve(sys.argv[2], sys.argv[3])
