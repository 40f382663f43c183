// swift-tools-version: 6.3
import PackageDescription

// The manifest names no package dependency: the Swift toolchain is enough, offline.

/// `Kernels` is optimised in debug builds as well: everything else is tested there with real
/// sizes, and an unoptimised inner loop is 100 times slower. (As a whole module, since helpers are
/// inlined across its files; batch mode and a thread count of its own must then be given up or
/// named, or the driver complains about the index.)
let optimized: [SwiftSetting] = [
  .unsafeFlags(
    ["-O", "-disable-batch-mode", "-whole-module-optimization", "-num-threads", "1"],
    .when(configuration: .debug))
]

/// `NativeCPU` builds `Kernels` for the instruction set of this very machine; results keep their bits,
/// shipped binaries lose their portability, so it is off by default. (`LAPACK` keeps no bits, so it is,
/// too.)
let kernelSettings: [SwiftSetting] =
  optimized + [.unsafeFlags(["-Xcc", "-march=native"], .when(traits: ["NativeCPU"]))]

/// `WideKernels` is compiled for x86-64 processors with AVX-512, and called only where the processor says
/// that it has what is named here (see `VectorRegisters.h`). Clang, which Swift asks for the instruction
/// set, passes over the flags of `-Xarch_x86_64` for other processors, and warns unless told not to. On
/// Linux alone: elsewhere nobody has tried, the module is compiled as any other, and it is never called.
let wideSettings: [SwiftSetting] = [
  .unsafeFlags(
    ["-Xcc", "-Qunused-arguments"]
      + ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512"].flatMap {
        ["-Xcc", "-Xarch_x86_64", "-Xcc", $0]
      },
    .when(platforms: [.linux]))
]

/// Pages, and what arranges benchmarks, spend their time inside the library, which is optimised:
/// optimising what they are made of as well would take the processors half as long again for a
/// release build and make none of them faster. (A page that computes for long in loops of its own
/// should go without these settings. The second flag saves checking the types twice: unoptimised, a
/// module is otherwise written by a job of its own.)
let pageSettings: [SwiftSetting] = [
  .unsafeFlags(
    ["-Onone", "-no-emit-module-separately-wmo"], .when(configuration: .release))
]

/// A page: `Tutorials/NAME`, with a folder `Data` if its numbers come from there.
func page(_ name: String, uses modules: [Target.Dependency], withData: Bool = false) -> Target {
  .executableTarget(
    name: name, dependencies: modules + ["LiteratePages"], path: "Tutorials/\(name)",
    exclude: withData ? ["Data"] : [], swiftSettings: pageSettings)
}

/// The page on the compiler's derivatives needs a toolchain that has them; where it has not, a
/// sentence takes its place.
#if canImport(_Differentiation)
  let withTheCompiler = (sources: ["main.swift"], exclude: ["Absent"])
#else
  let withTheCompiler = (sources: ["Absent/main.swift"], exclude: ["main.swift"])
#endif

let package = Package(
  name: "ImplicitDifferentiation",
  platforms: [.macOS(.v15), .iOS(.v18)],
  products: [
    .library(name: "ImplicitDifferentiation", targets: ["ImplicitDifferentiation"]),
    .library(name: "LinearSolvers", targets: ["LinearSolvers"]),
    .library(name: "TracedTensors", targets: ["TracedTensors", "TracedSolves"]),
    .library(name: "ForwardSolvers", targets: ["ForwardSolvers"]),
    .library(name: "Comparison", targets: ["Comparison"]),
    .library(name: "Optimality", targets: ["Optimality"]),
    .library(name: "Batches", targets: ["Batches"]),
    .library(name: "CompilerDifferentiation", targets: ["CompilerDifferentiation"]),
  ],
  traits: [
    .trait(name: "NativeCPU", description: "Build the kernels for this machine's instruction set."),
    .trait(
      name: "LAPACK",
      description: "Dense products and factorisations by OpenBLAS (Linux) or Accelerate (Apple)."),
    .default(enabledTraits: []),
  ],
  targets: [
    // A header alone: the width of the vector registers, as a constant that Swift reads.
    .systemLibrary(name: "VectorRegisters"),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    // The loops of dense products once more (a symbolic link), for wide registers.
    .target(
      name: "WideKernels", dependencies: ["VectorRegisters"],
      swiftSettings: optimized + wideSettings),
    .target(
      name: "Kernels",
      dependencies: [
        "VectorRegisters", "WideKernels",
        .target(name: "COpenBLAS", condition: .when(platforms: [.linux], traits: ["LAPACK"])),
      ],
      swiftSettings: kernelSettings + [
        .unsafeFlags(
          ["-Xcc", "-DACCELERATE_NEW_LAPACK"],
          .when(platforms: [.macOS, .iOS], traits: ["LAPACK"]))
      ],
      linkerSettings: [
        .linkedLibrary("m", .when(platforms: [.linux])),
        .linkedFramework(
          "Accelerate", .when(platforms: [.macOS, .iOS], traits: ["LAPACK"])),
      ]),
    .target(name: "LinearOperators", dependencies: ["Kernels"]),
    // These two know nothing of each other, and so are compiled side by side.
    .target(name: "LinearSolvers", dependencies: ["LinearOperators", "Kernels"]),
    .target(name: "TracedTensors", dependencies: ["LinearOperators", "Kernels"]),
    .target(name: "TracedSolves", dependencies: ["TracedTensors", "LinearSolvers", "Kernels"]),
    .target(
      name: "ImplicitDifferentiation",
      dependencies: ["TracedSolves", "TracedTensors", "LinearSolvers", "Kernels"]),
    .target(name: "ForwardSolvers", dependencies: ["TracedSolves"]),
    .target(name: "Comparison", dependencies: ["ImplicitDifferentiation", "Kernels"]),
    .target(name: "Optimality", dependencies: ["ImplicitDifferentiation", "Kernels"]),
    .target(name: "Batches", dependencies: ["ImplicitDifferentiation", "Kernels"]),
    // Empty where the toolchain lacks `_Differentiation`; nothing else depends on it.
    .target(
      name: "CompilerDifferentiation", dependencies: ["ImplicitDifferentiation", "Kernels"]),
    .target(name: "TopLevelErrors"),
    .target(
      name: "LiteratePages",
      dependencies: ["TracedTensors", "Kernels", "TopLevelErrors"],
      swiftSettings: pageSettings),

    page("ImplicitFunctionTheorem", uses: ["ImplicitDifferentiation", "Comparison"]),
    page(
      "UnconstrainedOptimization",
      uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"], withData: true),
    page(
      "UnconstrainedOptimizationSolutions", uses: ["ImplicitDifferentiation", "ForwardSolvers"]),
    page(
      "ConstrainedQP",
      uses: ["ImplicitDifferentiation", "Optimality", "ForwardSolvers", "Comparison"],
      withData: true),
    page(
      "ConstrainedQPSolutions", uses: ["ImplicitDifferentiation", "Optimality", "ForwardSolvers"]),
    page(
      "NonlinearSystems", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"],
      withData: true),
    page("NonlinearSystemsSolutions", uses: ["ImplicitDifferentiation", "ForwardSolvers"]),
    page(
      "SoftmaxAsOptimization", uses: ["ImplicitDifferentiation", "Optimality", "Comparison"],
      withData: true),
    page("SoftmaxAsOptimizationSolutions", uses: ["ImplicitDifferentiation"]),
    page(
      "SinkhornFixedPoint", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"],
      withData: true),
    page(
      "SinkhornFixedPointSolutions",
      uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"]),
    page(
      "OrderTwoAndBeyond",
      uses: ["ImplicitDifferentiation", "Optimality", "ForwardSolvers", "Comparison"]),
    page("OrderTwoAndBeyondSolutions", uses: ["ImplicitDifferentiation"]),
    page(
      "CheaperThanUnrolling", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"]),
    page("CheaperThanUnrollingSolutions", uses: ["ImplicitDifferentiation", "Comparison"]),
    page(
      "MetaLearning", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Comparison"],
      withData: true),
    page(
      "MetaLearningSolutions", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Optimality"]),
    // The inputs of the page below, which its tests compare with the same errors.
    .target(
      name: "HostileInputs",
      dependencies: [
        "ImplicitDifferentiation", "Optimality", "ForwardSolvers", "Comparison", "Batches",
        "LiteratePages",
      ],
      path: "Tutorials/HostileInputs",
      swiftSettings: pageSettings),
    page("WhenThereIsNoDerivative", uses: ["ImplicitDifferentiation", "HostileInputs"]),
    page(
      "WhenThereIsNoDerivativeSolutions",
      uses: ["ImplicitDifferentiation", "Optimality", "Comparison"]),
    page("FiveUseCases", uses: ["ImplicitDifferentiation", "ForwardSolvers", "Optimality"]),
    .executableTarget(
      name: "WithTheCompiler",
      dependencies: ["CompilerDifferentiation", "LiteratePages"],
      path: "Tutorials/WithTheCompiler",
      exclude: withTheCompiler.exclude,
      sources: withTheCompiler.sources,
      swiftSettings: pageSettings),
    .executableTarget(
      name: "workbook",
      // The tutorials too, so that `swift run workbook` builds them.
      dependencies: [
        "LiteratePages",
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
      path: "Tutorials/workbook",
      swiftSettings: pageSettings),

    .target(name: "AllocationCounter", path: "Benchmarks/AllocationCounter"),
    .target(name: "Measurement", path: "Benchmarks/Measurement"),
    // The loops that CoreBenchmarks compares the library with, optimised where it is not.
    .target(name: "HandWritten", path: "Benchmarks/HandWritten"),
    .executableTarget(
      name: "CoreBenchmarks",
      dependencies: [
        "ImplicitDifferentiation", "ForwardSolvers", "Batches", "Kernels", "AllocationCounter",
        "Measurement", "HandWritten", "PeerProblems",
      ],
      path: "Benchmarks/CoreBenchmarks",
      swiftSettings: pageSettings),
    // Problems with references that do not use the library, for comparisons with other libraries.
    .target(
      name: "PeerProblems",
      dependencies: [
        "ImplicitDifferentiation", "Optimality", "ForwardSolvers", "Measurement", "FaultOracle",
        "Kernels",
      ],
      path: "Benchmarks/PeerProblems"),
    .executableTarget(
      name: "PeerBenchmarks",
      dependencies: ["PeerProblems", "Measurement", "LiteratePages"],
      path: "Benchmarks/PeerBenchmarks",
      swiftSettings: pageSettings),
    .executableTarget(
      name: "Probe", dependencies: ["TracedTensors", "TensorChecks"], path: "Benchmarks/Probe",
      swiftSettings: pageSettings),
    // Problems drawn at random and their true derivatives, without the library. Optimised in debug
    // builds as well: its tests judge a thousand problems.
    .target(
      name: "FaultOracle",
      dependencies: ["Measurement"],
      path: "Benchmarks/FaultOracle",
      swiftSettings: kernelSettings),
    // The library's derivatives of the same problems, and the verdicts.
    .target(
      name: "FaultHunt",
      dependencies: ["FaultOracle", "ImplicitDifferentiation", "Optimality"],
      path: "Benchmarks/FaultHunt",
      exclude: ["README.md"],
      swiftSettings: pageSettings),
    .executableTarget(
      name: "fault-hunt", dependencies: ["FaultHunt", "FaultOracle"],
      path: "Benchmarks/FaultHuntCommand",
      swiftSettings: pageSettings),

    .testTarget(
      name: "KernelsTests", dependencies: ["Kernels", "WideKernels", "VectorRegisters"]),
    .testTarget(
      name: "LinearSolversTests", dependencies: ["LinearSolvers", "Kernels", "PromptTasks"]),
    // What tests of several targets share: every operation of tensors, random programs, differences.
    .target(
      name: "TensorChecks", dependencies: ["TracedSolves", "Measurement"],
      path: "Tests/TensorChecks",
      swiftSettings: pageSettings),
    .testTarget(
      name: "TracedTensorsTests",
      dependencies: ["TracedSolves", "TracedTensors", "LinearSolvers", "Kernels", "TensorChecks"]),
    .testTarget(
      name: "ImplicitDifferentiationTests",
      dependencies: ["ImplicitDifferentiation", "Kernels", "TensorChecks", "PromptTasks"]),
    .testTarget(
      name: "ForwardSolversTests", dependencies: ["ForwardSolvers", "ImplicitDifferentiation"]),
    .testTarget(
      name: "ComparisonTests", dependencies: ["Comparison", "ForwardSolvers", "PromptTasks"]),
    .testTarget(
      name: "OptimalityTests",
      dependencies: ["Optimality", "ForwardSolvers", "Comparison", "Kernels", "PromptTasks"]),
    .testTarget(name: "BatchesTests", dependencies: ["Batches", "PromptTasks"]),
    .testTarget(
      name: "ClosedFormTests",
      dependencies: [
        "ImplicitDifferentiation", "Optimality", "Comparison", "CompilerDifferentiation",
      ],
      exclude: ["references.py"]),
    .testTarget(
      name: "CompilerDifferentiationTests",
      dependencies: ["CompilerDifferentiation", "PromptTasks"]),
    // Runs what waits for child processes ahead of the tests that wait for their turn.
    .target(name: "PromptTasks", path: "Tests/PromptTasks"),
    // Writes pages until it is killed, for the tests of LiteratePages.
    .executableTarget(
      name: "PageWriter", dependencies: ["LiteratePages"], path: "Tests/PageWriter"),
    // Runs each tutorial once for all tests that read its page.
    .target(name: "TutorialRuns", dependencies: ["LiteratePages"], path: "Tests/TutorialRuns"),
    .testTarget(
      name: "LiteratePagesTests",
      dependencies: [
        "ImplicitDifferentiation", "LiteratePages", "PageWriter", "PromptTasks", "TutorialRuns",
        "workbook",
      ]),
    .testTarget(
      name: "FaultHuntTests", dependencies: ["FaultHunt", "FaultOracle"], exclude: ["Oracle"]),
    .testTarget(name: "PeerProblemsTests", dependencies: ["PeerProblems", "Measurement"]),
    .testTarget(name: "DocumentTests", dependencies: ["ImplicitDifferentiation", "LiteratePages"]),
    .testTarget(
      name: "TutorialTests",
      dependencies: [
        "ImplicitDifferentiation", "Optimality", "Comparison", "ForwardSolvers", "LiteratePages",
        "PromptTasks", "TutorialRuns", "UnconstrainedOptimization",
        "ConstrainedQP", "ConstrainedQPSolutions",
        "SinkhornFixedPoint", "SinkhornFixedPointSolutions",
        "NonlinearSystems", "NonlinearSystemsSolutions",
        "SoftmaxAsOptimization", "SoftmaxAsOptimizationSolutions",
        "OrderTwoAndBeyond", "OrderTwoAndBeyondSolutions",
        "CheaperThanUnrolling", "CheaperThanUnrollingSolutions",
        "MetaLearning", "MetaLearningSolutions",
        "HostileInputs", "WhenThereIsNoDerivative", "WhenThereIsNoDerivativeSolutions",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
