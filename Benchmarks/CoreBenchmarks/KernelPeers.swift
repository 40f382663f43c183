#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// OpenBLAS, opened while the benchmark runs: so it needs neither headers nor a package, and it and
/// our kernels take turns in one process.
///
/// One thread. Variables of the environment that hold it to an older processor are removed first,
/// because they would flatter us; what it chose is printed.
struct OpenBLAS {
  typealias Doubles = UnsafeMutablePointer<Double>
  typealias Reading = UnsafePointer<Double>
  typealias Count = UnsafePointer<Int32>
  typealias Counts = UnsafeMutablePointer<Int32>
  typealias Letter = UnsafePointer<CChar>
  typealias MatrixVector =
    @convention(c) (
      Int32, Int32, Int32, Int32, Double, Reading, Int32, Reading, Int32, Double, Doubles, Int32
    ) -> Void
  typealias MatrixMatrix =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Double, Reading, Int32, Reading, Int32, Double,
      Doubles, Int32
    ) -> Void
  typealias SymmetricUpdate =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Double, Reading, Int32, Double, Doubles, Int32
    ) -> Void
  typealias FactorLU = @convention(c) (Count, Count, Doubles, Count, Counts, Counts) -> Void
  typealias SolveLU =
    @convention(c) (Letter, Count, Count, Reading, Count, Count, Doubles, Count, Counts) -> Void
  typealias FactorCholesky = @convention(c) (Letter, Count, Doubles, Count, Counts) -> Void
  typealias SolveTridiagonal =
    @convention(c) (Count, Count, Doubles, Doubles, Doubles, Doubles, Count, Counts) -> Void
  typealias SolveBanded =
    @convention(c) (
      Count, Count, Count, Count, Doubles, Count, Counts, Doubles, Count, Counts
    ) -> Void

  /// The processor whose kernels it has chosen.
  let processor: String
  let gemv: MatrixVector
  let gemm: MatrixMatrix
  let syrk: SymmetricUpdate
  let getrf: FactorLU
  let getrs: SolveLU
  let potrf: FactorCholesky
  let gtsv: SolveTridiagonal
  let gbsv: SolveBanded

  static let rowMajor: Int32 = 101
  static let plain: Int32 = 111
  static let transposed: Int32 = 112
  static let lower: Int32 = 122

  /// The library at `path`, or else the system's; `nil` where there is none.
  init?(path: String?) {
    for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"] { unsetenv(name) }
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    let names = path.map { [$0] } ?? ["libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"]
    guard let library = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first else {
      return nil
    }
    func symbol<Function>(_ name: String, _ type: Function.Type) -> Function? {
      dlsym(library, name).map { unsafeBitCast($0, to: type) }
    }
    guard let gemv = symbol("cblas_dgemv", MatrixVector.self),
      let gemm = symbol("cblas_dgemm", MatrixMatrix.self),
      let syrk = symbol("cblas_dsyrk", SymmetricUpdate.self),
      let getrf = symbol("dgetrf_", FactorLU.self), let getrs = symbol("dgetrs_", SolveLU.self),
      let potrf = symbol("dpotrf_", FactorCholesky.self),
      let gtsv = symbol("dgtsv_", SolveTridiagonal.self),
      let gbsv = symbol("dgbsv_", SolveBanded.self)
    else { return nil }
    (self.gemv, self.gemm, self.syrk) = (gemv, gemm, syrk)
    (self.getrf, self.getrs, self.potrf) = (getrf, getrs, potrf)
    (self.gtsv, self.gbsv) = (gtsv, gbsv)
    typealias Name = @convention(c) () -> UnsafePointer<CChar>?
    processor =
      symbol("openblas_get_corename", Name.self)?().map { String(cString: $0) } ?? "unknown"
  }
}
