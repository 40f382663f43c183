import Foundation

/// The page that leads to the others, `docs/README.md`.
struct WorkbookIndex {
  let workbook: Workbook

  /// Writes the index of the pages that are there; with `prune`, removes first what belongs to
  /// tutorials that are gone.
  func update(
    _ path: String, prune: Bool
  ) throws -> [(name: String, change: OutputFolder.Change)] {
    let folder = try OutputFolder(path)
    var sources: [PageSource] = []
    for tutorial in workbook.tutorials {
      sources.append(try PageSource(file: workbook.root + "/Tutorials/\(tutorial)/main.swift"))
    }
    var changes: [(name: String, change: OutputFolder.Change)] = []
    if prune {
      for name in staleFiles(in: folder, sources) {
        changes.append((name, try folder.remove(name)))
      }
    }
    if !workbook.modules.isEmpty {
      let overview = APIOverview(modules: workbook.modules, root: workbook.root)
      changes.append(("API.md", try folder.write(overview.markdown(), to: "API.md")))
    }
    let text = markdown(for: sources, in: folder)
    changes.append(("README.md", try folder.write(text, to: "README.md")))
    return changes
  }

  /// Generated pages without a tutorial, and their figures.
  private func staleFiles(in folder: OutputFolder, _ sources: [PageSource]) -> [String] {
    let names = folder.names()
    let kept = Set(sources.map { $0.name + ".md" } + ["README.md"])
    let stale = names.filter { name in
      name.hasSuffix(".md") && !kept.contains(name)
        && firstLine(of: name, in: folder).hasPrefix("<!-- Generated from Tutorials/")
    }
    return stale.flatMap { page in
      let prefix = page.dropLast(".md".count) + "-"
      return [page] + names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".svg") }
    }
  }

  private func markdown(for sources: [PageSource], in folder: OutputFolder) -> String {
    let names = Set(folder.names())
    let pages = sources.filter { names.contains($0.name + ".md") }
    var blocks = [
      MarkdownPage.generatedMark(source: "the titles of the pages"),
      "# Pages",
      "In reading order; each can be read without the others. A page is the output of a tutorial: "
        + "its prose and code stand in the source, its results come from the run.",
    ]
    let solutions = pages.filter { $0.name.hasSuffix("Solutions") }
    blocks.append(
      (["| Page | What it teaches | Minutes | Source |", "| --- | --- | ---: | --- |"]
        + pages.filter { !$0.name.hasSuffix("Solutions") }.map { page in
          "| [\(page.title)](\(page.name).md) | \(page.teaches ?? "") "
            + "| \(page.minutes.map(String.init) ?? "") "
            + "| [main.swift](../\(page.sourcePath)) |"
        }).joined(separator: "\n"))
    if !solutions.isEmpty {
      blocks.append("The exercises at the end of each page are worked out on pages of their own:")
      blocks.append(
        solutions.map { "- [\($0.title)](\($0.name).md)" }.joined(separator: "\n"))
    }
    let generated = Set(pages.map { $0.name + ".md" } + ["README.md"])
    let others = names.filter { $0.hasSuffix(".md") && !generated.contains($0) }.sorted()
    if !others.isEmpty {
      blocks.append("Also here:")
      blocks.append(
        others.map { "- [\(title(of: $0, in: folder))](\($0))" }.joined(separator: "\n"))
    }
    return blocks.joined(separator: "\n\n") + "\n"
  }

  private func text(of name: String, in folder: OutputFolder) -> String {
    let data = FileManager.default.contents(atPath: folder.path + "/" + name) ?? Data()
    return String(decoding: data, as: UTF8.self)
  }

  private func firstLine(of name: String, in folder: OutputFolder) -> Substring {
    text(of: name, in: folder).prefix { $0 != "\n" }
  }

  private func title(of name: String, in folder: OutputFolder) -> String {
    let heading = text(of: name, in: folder).split(separator: "\n").first { $0.hasPrefix("# ") }
    return heading.map { String($0.dropFirst(2)) } ?? name
  }
}
