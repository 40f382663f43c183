// What is built instead of the page where the toolchain lacks `_Differentiation`, as Xcode's do:
// a sentence, status 0, and docs/ as they are.

import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
try beginPage(
  options, file: #filePath.replacing("Absent/main.swift", with: "main.swift"))
if !options.quiet {
  print("This toolchain has no module `_Differentiation`: the page is left as it is.")
}
