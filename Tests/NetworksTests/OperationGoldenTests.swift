import Base
import Networks
import TensorCore
import TestSupport
import Testing

/// A case of the golden operations, which torch computed in float64.
struct GoldenOperation: Sendable, CustomTestStringConvertible {
  let name: String
  let key: String
  let attributes: JSONObject
  let gradients: [String]
  /// The distance of torch's own float32 results.
  let floatDistances: [String: Double]
  var testDescription: String { key }

  static let folder = "networks"

  static let all: [GoldenOperation] = {
    guard let text = try? Fixtures.bytes(folder + "/ops.json"),
      let root = try? JSONValue.parse(text.span)
    else { return [] }
    return (root["cases"]?.asArray ?? []).compactMap(GoldenOperation.init)
  }()

  init?(_ value: JSONValue) {
    guard let name = value["op"]?.asString, let number = value["case"]?.asInt,
      let attributes = value["attributes"]?.asObject,
      let gradients = value["gradients"]?.asArray?.compactMap(\.asString),
      let distances = value["float32_distance"]?.asObject
    else { return nil }
    self.name = name
    key = "\(name).\(number)."
    self.attributes = attributes
    self.gradients = gradients
    floatDistances = Dictionary(
      uniqueKeysWithValues: distances.compactMap { entry in
        entry.value.asDouble.map { (entry.key, $0) }
      })
  }

  func number(_ key: String) -> Double { attributes[key]?.asDouble ?? .nan }
  func integer(_ key: String) -> Int { attributes[key]?.asInt ?? -1 }
}

/// The output of a golden case, and the gradients of its inputs.
struct OperationResult<S: NetworkScalar> {
  var output: [S]
  var gradients: [String: [S]]
}

@Suite(.needsOpenBLAS) struct OperationGoldenTests {
  @Test("the golden data cover the operations") func count() {
    #expect(GoldenOperation.all.count >= 90)
    #expect(Set(GoldenOperation.all.map(\.name)).count >= 40)
  }

  @Test("outputs and gradients equal those of torch", arguments: GoldenOperation.all)
  func golden(golden: GoldenOperation) throws {
    let file = try GoldenTensors(GoldenOperation.folder + "/ops.safetensors")
    let exact: OperationResult<Double> = try OperationRunner(golden, file).result()
    let result: OperationResult<Float> = try OperationRunner(golden, file).result()
    func compare(_ name: String, _ double: [Double]?, _ float: [Float]?) throws {
      let expected = try file.numbers(golden.key + name)
      let far = distance(double ?? [], expected)
      #expect(far <= 1e-12, "\(golden.key)\(name) in float64: \(far)")
      let bound = max(2e-6, 4 * (golden.floatDistances[name] ?? 0))
      let near = distance(float ?? [], expected)
      #expect(near <= bound, "\(golden.key)\(name) in float32: \(near)")
    }
    try compare("output", exact.output, result.output)
    for name in golden.gradients {
      try compare("grad." + name, exact.gradients[name], result.gradients[name])
    }
  }
}
