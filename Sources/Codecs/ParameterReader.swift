package import Base
package import TensorCore

/// A reader for the parameters of a codec, which its term stores as a map in the index.
package struct ParameterReader {
  private var rest: CBORMap
  private let owner: String

  /// - Parameter owner: The name of the codec, with which messages begin.
  package init(_ map: CBORMap, of owner: String) {
    rest = map
    self.owner = owner
  }

  private mutating func take(_ key: String) throws(CodecProblem) -> CBORValue {
    guard let value = rest[key] else { throw problem("has no '\(key)'") }
    rest[key] = nil
    return value
  }

  /// Returns true if a parameter is present that was not read yet.
  package func has(_ key: String) -> Bool { rest[key] != nil }

  /// Reads an integer in `range`.
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
    guard let text = try take(key).asText else {
      throw problem("has a '\(key)' that is not a text")
    }
    return text
  }

  /// Reads the name of a case of an enumeration.
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

  /// Reads the name of one of the given dtypes.
  package mutating func dtype(_ key: String, among dtypes: [DType]) throws(CodecProblem) -> DType {
    let text = try text(key)
    guard let dtype = DType(name: text), dtypes.contains(dtype) else {
      let known = dtypes.map(\.name).joined(separator: ", ")
      throw problem("has '\(key)' '\(text.printable)', expected one of \(known)")
    }
    return dtype
  }

  /// Reads a finite number that float32 represents exactly.
  package mutating func float(_ key: String) throws(CodecProblem) -> Float {
    try exactFloat(try take(key), key)
  }

  /// Reads a list of finite numbers that float32 represents exactly.
  package mutating func floats(_ key: String) throws(CodecProblem) -> [Float] {
    guard let list = try take(key).asArray else {
      throw problem("has a '\(key)' that is not a list")
    }
    var floats: [Float] = []
    for value in list { floats.append(try exactFloat(value, key)) }
    return floats
  }

  private func exactFloat(_ value: CBORValue, _ key: String) throws(CodecProblem) -> Float {
    guard let number = value.asFloat, number.isFinite, Double(Float(number)) == number else {
      throw problem("has a '\(key)' that is not a finite float32")
    }
    return Float(number)
  }

  /// Throws if a key was not read.
  package func finish() throws(CodecProblem) {
    if let key = rest.first?.key { throw problem("has an unknown key '\(key.printable)'") }
  }

  package func problem(_ reason: String) -> CodecProblem {
    CodecProblem(.parameters, "\(owner) \(reason)")
  }
}
