// The workbook: `swift run workbook` runs every tutorial and regenerates docs/.
//
// A new tutorial is added here, to the target `workbook` in Package.swift, and to the README.

import Foundation
import LiteratePages

let workbook = try Workbook(
  tutorials: [
    "ImplicitFunctionTheorem",
    "UnconstrainedOptimization", "UnconstrainedOptimizationSolutions",
    "ConstrainedQP", "ConstrainedQPSolutions",
    "SinkhornFixedPoint", "SinkhornFixedPointSolutions",
    "NonlinearSystems", "NonlinearSystemsSolutions",
    "SoftmaxAsOptimization", "SoftmaxAsOptimizationSolutions",
    "FiveUseCases",
  ],
  modules: [
    (
      "ImplicitDifferentiation",
      "The core: tensors, functions of them that can be differentiated, conditions, and implicit "
        + "functions."
    ),
    (
      "LinearSolvers",
      "Linear operators, and the methods that solve with them; comes with `ImplicitDifferentiation`."
    ),
    (
      "Optimality",
      "More conditions: KKT systems, projections, proximal operators, and the mappings made of them."
    ),
    (
      "ForwardSolvers",
      "Solvers to differentiate through, by conditions or by unrolling."
    ),
    (
      "Comparison",
      "Implicit derivatives beside unrolled ones and finite differences; approximations of last "
        + "resort."
    ),
    (
      "Batches",
      "Independent problems side by side, with a result for each, and sums over shared parameters."
    ),
  ])
exit(try workbook.run())
