// The workbook: `swift run workbook` runs every tutorial and regenerates docs/.
//
// A new tutorial is added here, to the target `workbook` in Package.swift, and to the README.

import Foundation
import LiteratePages

let workbook = try Workbook(tutorials: [
  "UnconstrainedOptimization", "UnconstrainedOptimizationSolutions", "SinkhornFixedPoint",
  "SinkhornFixedPointSolutions",
])
exit(try workbook.run())
