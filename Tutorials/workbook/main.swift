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
    "OrderTwoAndBeyond", "OrderTwoAndBeyondSolutions",
    "CheaperThanUnrolling", "CheaperThanUnrollingSolutions",
    "MetaLearning", "MetaLearningSolutions",
    "WhenThereIsNoDerivative", "WhenThereIsNoDerivativeSolutions",
    "WithTheCompiler",
    "FiveUseCases",
  ],
  modules: [
    (
      "ImplicitDifferentiation",
      "The core: conditions, implicit functions, their derivatives and reports."
    ),
    (
      "TracedTensors",
      "Tensors, functions of them that can be differentiated, and errors; comes with "
        + "`ImplicitDifferentiation`."
    ),
    (
      "LinearOperators",
      "Linear operators, and the errors of solving with them; comes with `ImplicitDifferentiation`."
    ),
    (
      "LinearSolvers",
      "The methods that solve with linear operators; comes with `ImplicitDifferentiation`."
    ),
    (
      "TracedSolves",
      "The solution of a dense system as an operation on tensors; comes with "
        + "`ImplicitDifferentiation`."
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
      "Implicit derivatives beside unrolled ones and finite differences; cheaper ways to unroll; "
        + "approximations of last resort."
    ),
    (
      "Batches",
      "Independent problems side by side, with a result for each, and sums over shared parameters."
    ),
    (
      "CompilerDifferentiation",
      "The bridge to the compiler's own differentiation, where the toolchain has it."
    ),
  ])
exit(try workbook.run())
