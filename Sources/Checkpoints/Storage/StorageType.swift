import Base
package import Codecs
package import TensorCore

/// A type that tensors can be stored as, such as `int4:g64:asym`, `nf4`, `fp8:row` or `lossless`.
///
/// `TYPE = NAME{":"(gN|row|tensor|sym|asym|f16|bf16|f32)}`
package struct StorageType: Sendable, Hashable {
  /// The codec family of a type.
  package enum Kind: Sendable, Hashable {
    case lossless
    /// Codes of 1 to 8 bits.
    case int(bits: Int)
    case fp8(DType)
    case mx(DType)
    case nvfp4
    case nf4
    /// Blocks of the ggml type with this number.
    case ggml(Int)
  }

  /// The values that share a scale.
  package enum Groups: Sendable, Hashable {
    /// Consecutive values of a row; the last group may be shorter.
    case size(Int)
    case row
    case tensor
  }

  package var kind: Kind
  package var groups: Groups
  package var zero: ZeroPoint
  package var scaleDType: DType

  /// All names with their kinds and summaries.
  package static let names: [(name: String, kind: Kind, summary: String)] =
    [("lossless", .lossless, "every bit is kept")]
    + (1...8).map { bits in
      ("int\(bits)", .int(bits: bits), "codes of \(bits) bits with scales")
    } + [
      ("fp8", .fp8(.f8E4M3), "F8_E4M3 with scales"),
      ("fp8_e5m2", .fp8(.f8E5M2), "F8_E5M2 with scales"),
      ("mxfp4", .mx(.f4), "OCP MX, 4 bits, one power-of-two scale for 32 values"),
      ("mxfp6", .mx(.f6E2M3), "OCP MX, 6 bits, E2M3"),
      ("mxfp6_e3m2", .mx(.f6E3M2), "OCP MX, 6 bits, E3M2"),
      ("mxfp8", .mx(.f8E4M3), "OCP MX, 8 bits, E4M3"),
      ("mxfp8_e5m2", .mx(.f8E5M2), "OCP MX, 8 bits, E5M2"),
      ("nvfp4", .nvfp4, "4-bit floats with F8 scales for 16 values and one for the tensor"),
      ("nf4", .nf4, "4-bit NormalFloat of QLoRA"),
    ]
    + GgmlCodec.types.filter(\.givesValues).map { type in
      (type.name.lowercased(), .ggml(type.id), "ggml blocks of \(type.elementCount) values")
    }

  /// An error in the text of a type.
  package struct Problem: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  /// Parses a type; letters of either case are accepted.
  package init(_ text: String) throws(Problem) {
    let parts = text.lowercased().split(separator: ":", omittingEmptySubsequences: false).map(
      String.init)
    guard let known = Self.names.first(where: { $0.name == parts[0] }) else {
      let names = Self.names.map(\.name)
      let nearest = Nearest.name(parts[0], of: names).map { "did you mean '\($0)'? The" } ?? "the"
      throw Problem(
        description: "'\(parts[0].printable)' is not a type; \(nearest) types are "
          + names.joined(separator: ", "))
    }
    kind = known.kind
    (groups, zero, scaleDType) = Self.defaults(of: kind)
    var seen: Set<String> = []
    for part in parts.dropFirst() {
      let family = try set(part, of: text)
      guard seen.insert(family).inserted else {
        throw Problem(description: "'\(text.printable)' specifies its \(family) twice")
      }
    }
    if case .int(1) = kind, zero == .symmetric {
      throw Problem(description: "int1 has no symmetric form; use int1:asym")
    }
  }

  /// The type that keeps every bit.
  package static let lossless = StorageType(.lossless)

  private init(_ kind: Kind) {
    self.kind = kind
    (groups, zero, scaleDType) = Self.defaults(of: kind)
  }

  private static func defaults(of kind: Kind) -> (Groups, ZeroPoint, DType) {
    switch kind {
    case .lossless: (.row, .symmetric, .f32)
    case .int(let bits):
      (
        bits == 8 ? .row : .size(bits < 4 ? 64 : 128), bits == 1 ? .integer : .symmetric, .f16
      )
    case .fp8: (.row, .symmetric, .f32)
    case .mx: (.size(MXCodec.standardGroupSize), .symmetric, .f8E8M0)
    case .nvfp4: (.size(NVFP4Codec.standardGroupSize), .symmetric, .f8E4M3)
    case .nf4: (.size(64), .symmetric, .f32)
    case .ggml: (.size(32), .symmetric, .f16)
    }
  }

  /// Applies one part after the name; returns the property that it sets.
  private mutating func set(_ part: String, of text: String) throws(Problem) -> String {
    func problem(_ reason: String) -> Problem {
      Problem(description: "'\(text.printable)': \(reason)")
    }
    switch part {
    case "sym", "asym":
      guard case .int = kind else { throw problem("only int types accept sym or asym") }
      zero = part == "sym" ? .symmetric : .integer
      return "zero points"
    case "f16", "bf16", "f32":
      switch kind {
      case .int, .fp8, .nf4: break
      case .lossless, .mx, .nvfp4, .ggml: throw problem("the dtype of its scales is fixed")
      }
      scaleDType = part == "f16" ? .f16 : part == "bf16" ? .bf16 : .f32
      return "scales"
    case "row", "tensor":
      switch kind {
      case .int, .fp8, .nf4: break
      case .lossless, .mx, .nvfp4, .ggml: throw problem("the form of its groups is fixed")
      }
      groups = part == "row" ? .row : .tensor
      return "groups"
    default:
      guard part.hasPrefix("g"), let size = Int(part.dropFirst()), size >= 1, size <= 1 << 40,
        kind != .lossless, ggmlType == nil
      else {
        throw problem(
          "'\(part.printable)' is not understood; expected gN, row, tensor, sym, asym, f16, bf16 or f32"
        )
      }
      groups = .size(size)
      return "groups"
    }
  }

  package var isLossless: Bool { kind == .lossless }

  /// True if the groups are those that the type has unless others are named.
  package var hasDefaultGroups: Bool { groups == Self.defaults(of: kind).0 }

  /// The block type of a ggml type; nil for other types.
  package var ggmlType: GgmlCodec.BlockType? {
    guard case .ggml(let id) = kind else { return nil }
    return GgmlCodec.types.first { $0.id == id }
  }
}

extension StorageType: CustomStringConvertible {
  /// The shortest text that denotes this type: properties with their default value are omitted.
  package var description: String {
    let name = Self.names.first { $0.kind == kind }?.name ?? "?"
    let (groups, zero, scaleDType) = Self.defaults(of: kind)
    var parts = [name]
    if self.groups != groups {
      switch self.groups {
      case .size(let size): parts.append("g\(size)")
      case .row: parts.append("row")
      case .tensor: parts.append("tensor")
      }
    }
    if self.zero != zero { parts.append(self.zero == .symmetric ? "sym" : "asym") }
    if self.scaleDType != scaleDType { parts.append(self.scaleDType.name.lowercased()) }
    return parts.joined(separator: ":")
  }
}
