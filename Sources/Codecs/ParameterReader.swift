package import Base
package import TensorCore

/// Takes the parameters of a codec out of the map that its term has in the index.
package struct ParameterReader {
  private var rest: CBORMap
  private let owner: String

  package init(_ map: CBORMap, of owner: String) {
    rest = map
    self.owner = owner
  }

  private mutating func take(_ key: String) throws(CodecProblem) -> CBORValue {
    guard let value = rest[key] else { throw problem("lacks '\(key)'") }
    rest[key] = nil
    return value
  }

  package mutating func integer(
    _ key: String, in range: ClosedRange<Int>
  ) throws(CodecProblem) -> Int {
    guard let value = try take(key).asUInt64, let number = Int(exactly: value),
      range.contains(number)
    else {
      throw problem("has '\(key)' outside \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  package mutating func text(_ key: String) throws(CodecProblem) -> String {
    guard let text = try take(key).asText else { throw problem("has a '\(key)' that is no text") }
    return text
  }

  package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, _: Choice.Type
  ) throws(CodecProblem) -> Choice {
    let text = try text(key)
    guard let choice = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw problem("has '\(key)' '\(text.printable)', expected one of \(known)")
    }
    return choice
  }

  package mutating func dtype(_ key: String, among dtypes: [DType]) throws(CodecProblem) -> DType {
    let text = try text(key)
    guard let dtype = DType(name: text), dtypes.contains(dtype) else {
      let known = dtypes.map(\.name).joined(separator: ", ")
      throw problem("has '\(key)' '\(text.printable)', expected one of \(known)")
    }
    return dtype
  }

  /// A finite number that a float32 holds exactly.
  package mutating func float(_ key: String) throws(CodecProblem) -> Float {
    try exactFloat(try take(key), key)
  }

  package mutating func floats(_ key: String) throws(CodecProblem) -> [Float] {
    guard let list = try take(key).asArray else { throw problem("has a '\(key)' that is no list") }
    var floats: [Float] = []
    for value in list { floats.append(try exactFloat(value, key)) }
    return floats
  }

  private func exactFloat(_ value: CBORValue, _ key: String) throws(CodecProblem) -> Float {
    guard let number = value.asFloat, number.isFinite, Double(Float(number)) == number else {
      throw problem("has a '\(key)' that is no finite float32")
    }
    return Float(number)
  }

  /// Throws if a key was not taken.
  package func finish() throws(CodecProblem) {
    if let key = rest.first?.key { throw problem("has the unknown key '\(key.printable)'") }
  }

  package func problem(_ reason: String) -> CodecProblem {
    CodecProblem(.parameters, "\(owner) \(reason)")
  }
}
