import Glibc
import Networks
import Testing

@Suite struct ElementaryFunctionTests {
  /// Returns the largest absolute error and the largest relative error of a function from −20 to 20.
  private func errors(
    _ function: (SIMD16<Float>) -> SIMD16<Float>, _ exact: (Double) -> Double
  ) -> (absolute: Double, relative: Double) {
    var (absolute, relative) = (0.0, 0.0)
    for step in -40_000...40_000 {
      let x = Float(step) / 2000
      let (found, expected) = (Double(function(SIMD16(repeating: x))[0]), exact(Double(x)))
      absolute = max(absolute, abs(found - expected))
      if expected != 0 { relative = max(relative, abs(found / expected - 1)) }
    }
    return (absolute, relative)
  }

  @Test("exp has a relative error of at most 2.5e-7") func exponential() {
    #expect(errors(Float.exp, exp).relative <= 2.5e-7)
  }

  @Test("tanh has an error of at most 2e-7, and 3e-7 of the result") func hyperbolicTangent() {
    let errors = errors(Float.tanh, tanh)
    #expect(errors.absolute <= 2e-7 && errors.relative <= 3e-7)
  }

  @Test("erf has an error of at most 2e-7") func errorFunction() {
    #expect(errors(Float.erf, erf).absolute <= 2e-7)
  }

  @Test(
    "limits and NaN",
    arguments: [
      (Float.infinity, Float.infinity, Float(1), Float(1)), (-Float.infinity, 0, -1, -1),
      (0, 1, 0, 0), (100, .infinity, 1, 1), (-200, 0, -1, -1),
    ])
  func limits(x: Float, exponential: Float, tangent: Float, error: Float) {
    let lanes = SIMD16<Float>(repeating: x)
    #expect(Float.exp(lanes)[3] == exponential)
    #expect(Float.tanh(lanes)[3] == tangent)
    #expect(Float.erf(lanes)[3] == error)
    let nan = SIMD16<Float>(repeating: .nan)
    #expect(Float.exp(nan)[0].isNaN && Float.tanh(nan)[0].isNaN && Float.erf(nan)[0].isNaN)
  }

  @Test("exp is right at the ends of the range", arguments: [-87.3, -87, 88, 88.7] as [Float])
  func ends(x: Float) {
    let (found, expected) = (Double(Float.exp(SIMD16(repeating: x))[0]), exp(Double(x)))
    #expect(abs(found / expected - 1) <= 2.5e-7)
  }
}
