/// The functions of LAPACK that are used, by their Fortran names.
///
/// Fortran passes every argument by reference. The length of each text follows after the last argument, by value.
@safe struct LAPACKFunctions: @unchecked Sendable {
  // SAFETY: the functions are constant and the library is never unloaded.
  typealias Text = UnsafePointer<CChar>
  typealias Size = UnsafePointer<Int32>
  typealias Values = UnsafeMutablePointer<Double>
  typealias Integers = UnsafeMutablePointer<Int32>

  /// jobz, uplo, n, a, lda, w, work, lwork, iwork, liwork, info
  typealias SymmetricEigenvalues =
    @convention(c) (
      Text, Text, Size, Values, Size, Values, Values, Size, Integers, Size, Integers, Int, Int
    ) -> Void
  /// jobz, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info
  typealias DividedSingularValues =
    @convention(c) (
      Text, Size, Size, Values, Size, Values, Values, Size, Values, Size, Values, Size, Integers,
      Integers, Int
    ) -> Void
  /// jobu, jobvt, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, info
  typealias IteratedSingularValues =
    @convention(c) (
      Text, Text, Size, Size, Values, Size, Values, Values, Size, Values, Size, Values, Size,
      Integers, Int, Int
    ) -> Void
  /// m, n, nrhs, a, lda, b, ldb, s, rcond, rank, work, lwork, iwork, info
  typealias LeastSquares =
    @convention(c) (
      Size, Size, Size, Values, Size, Values, Size, Values, UnsafePointer<Double>, Integers, Values,
      Size, Integers, Integers
    ) -> Void
  /// jobvl, jobvr, n, a, lda, wr, wi, vl, ldvl, vr, ldvr, work, lwork, info
  typealias GeneralEigenvalues =
    @convention(c) (
      Text, Text, Size, Values, Size, Values, Values, Values, Size, Values, Size, Values, Size,
      Integers, Int, Int
    ) -> Void

  let dsyevd: SymmetricEigenvalues
  let dgesdd: DividedSingularValues
  let dgesvd: IteratedSingularValues
  let dgelsd: LeastSquares
  let dgeev: GeneralEigenvalues

  static func found(
    in symbols: LibrarySymbols, path: String
  ) throws(BLASError) -> LAPACKFunctions {
    // SAFETY: the types are those of the LAPACK reference, with lengths of texts as gfortran passes them.
    unsafe LAPACKFunctions(
      dsyevd: unsafeBitCast(try symbols["dsyevd_", path], to: SymmetricEigenvalues.self),
      dgesdd: unsafeBitCast(try symbols["dgesdd_", path], to: DividedSingularValues.self),
      dgesvd: unsafeBitCast(try symbols["dgesvd_", path], to: IteratedSingularValues.self),
      dgelsd: unsafeBitCast(try symbols["dgelsd_", path], to: LeastSquares.self),
      dgeev: unsafeBitCast(try symbols["dgeev_", path], to: GeneralEigenvalues.self))
  }
}
