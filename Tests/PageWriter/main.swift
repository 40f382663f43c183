// Writes a page and its figure in two versions, in turn, until it is ended. Each file consists of one
// digit, a million times.
//
// Usage: PageWriter FOLDER

import LiteratePages

do {
  let folder = try OutputFolder(CommandLine.arguments[1])
  while true {
    for digit in ["0", "1"] {
      let text = String(repeating: digit, count: 1_000_000)
      _ = try folder.write(page: "Page", markdown: text, figures: [("figure", text)])
    }
  }
} catch {
  print(error)
}
