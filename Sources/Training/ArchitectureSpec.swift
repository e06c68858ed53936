package import Base

/// A text that names a small architecture and its sizes, such as `mlp:64,32,10`.
///
///     mlp:INPUTS{,WIDTH},CLASSES                    mlp:784,256,128,10
///     convnet:CHANNELSxHEIGHTxWIDTH{,WIDTH},CLASSES  convnet:1x28x28,32,64,10
///     encoder:INPUTS,WIDTH,WIDTH,FEATURES            encoder:64,48,32,16
///     resnetDEPTH:CHANNELSxHEIGHTxWIDTH,WIDTH,CLASSES  resnet18:3x32x32,16,10
package enum ArchitectureSpec {
  /// The number of blocks in each stage of a residual network by its number of layers.
  private static let residualDepths = [
    10: [1, 1, 1, 1], 18: [2, 2, 2, 2], 34: [3, 4, 6, 3],
  ]
  /// The forms that messages list.
  private static let forms =
    "mlp:INPUTS,WIDTH,…,CLASSES, encoder:INPUTS,WIDTH,WIDTH,FEATURES, convnet:CxHxW,WIDTH,…,CLASSES, resnet18:CxHxW,WIDTH,CLASSES"

  /// Returns the configuration that a text describes; nil if it has not the form of one.
  /// - Throws: ``UsageError`` if the sizes are wrong.
  package static func configuration(_ text: String) throws(UsageError) -> JSONObject? {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let name = String(text[..<colon])
    let parts = text[text.index(after: colon)...].split(
      separator: ",", omittingEmptySubsequences: false)
    guard ["mlp", "encoder", "convnet"].contains(name) || name.hasPrefix("resnet"),
      parts.count >= 2
    else { throw fault(text) }
    let input = try sizes(parts[0].split(separator: "x", omittingEmptySubsequences: false), text)
    let rest = try sizes(Array(parts.dropFirst()), text)
    let classes = rest[rest.count - 1]
    let widths = Array(rest.dropLast())
    if name == "mlp" { return object("mlp", input, widths, classes) }
    if name == "encoder", widths.count == 2 { return object("mlp_encoder", input, widths, classes) }
    guard input.count == 3, !widths.isEmpty else { throw fault(text) }
    if name == "convnet" {
      try checkPooling(input, widths, text)
      return object("convnet", input, widths, classes)
    }
    guard let layers = Int(name.dropFirst("resnet".count)), let depths = residualDepths[layers],
      widths.count == 1
    else {
      let known = residualDepths.keys.sorted().map { "resnet\($0)" }.joined(separator: ", ")
      throw UsageError(
        "the architecture '\(text.printable)' is not known",
        hint: "residual networks are \(known) with one width, such as resnet18:3x32x32,16,10")
    }
    var result = object(
      "basic_resnet", input, depths.indices.map { widths[0] << $0 }, classes)
    result["depths"] = .array(depths.map { JSONValue($0) })
    return result
  }

  private static func fault(_ text: String) -> UsageError {
    UsageError(
      "the architecture '\(text.printable)' is not known",
      hint: "the forms are \(forms); a config.json describes any other")
  }

  /// The largest size.
  private static let sizeLimit = 1 << 16

  /// Returns the sizes that parts of a text name.
  private static func sizes(_ parts: [Substring], _ text: String) throws(UsageError) -> [Int] {
    var sizes: [Int] = []
    for part in parts {
      guard let size = Int(part), (1...sizeLimit).contains(size) else {
        let found = part.isEmpty ? "an empty size" : "the size '\(String(part).printable)'"
        throw UsageError(
          "the architecture '\(text.printable)' has \(found), expected whole numbers from 1 to \(sizeLimit.grouped)",
          hint: "the forms are \(forms)")
      }
      sizes.append(size)
    }
    return sizes
  }

  /// Throws if the poolings between the stages of a convnet leave no place of an image.
  private static func checkPooling(
    _ input: [Int], _ widths: [Int], _ text: String
  ) throws(UsageError) {
    let side = min(input[1], input[2])
    // Each pooling halves height and width, so that 1 << (stages - 1) is the least side.
    let stageLimit = Int.bitWidth - side.leadingZeroBitCount
    guard widths.count > stageLimit else { return }
    throw UsageError(
      "the architecture '\(text.printable)' has \(widths.count) stages, but images of \(input[1]) x "
        + "\(input[2]) can be halved \((stageLimit - 1).counted("time")) between stages",
      hint: "use \(stageLimit.counted("width")) or fewer, or larger images")
  }

  private static func object(
    _ type: String, _ input: [Int], _ widths: [Int], _ classes: Int
  ) -> JSONObject {
    [
      "model_type": .string(type), "input_shape": .array(input.map { JSONValue($0) }),
      "hidden_sizes": .array(widths.map { JSONValue($0) }), "num_labels": JSONValue(classes),
    ]
  }
}
