package import Base
package import Codecs
package import TensorCore

/// A tensor as the index describes it. Specification, section 5.3.
package struct PackedTensor: Sendable {
  /// The way in which the terms combine to the values.
  package enum Form: Sendable, Equatable {
    /// The bits of the first term, some of them replaced by those of the following terms.
    case bits
    /// A sum in float32 or float64, rounded once.
    case sum(Kernels.SummedDType)
  }

  /// The distance between the stored values and the original values.
  package struct Quality: Sendable, Equatable {
    /// ‖x‖₂ of the original values.
    package var norm: Double
    /// ‖x − x̂‖₂.
    package var error: Double
    /// The largest |x − x̂|.
    package var largest: Double

    package init(norm: Double, error: Double, largest: Double) {
      self.norm = norm
      self.error = error
      self.largest = largest
    }
  }

  package static let termLimit = 64

  package var info: TensorInfo
  package var terms: [PackedTerm]
  package var quality: Quality?
  /// SHA-256 of the canonical bytes of the values.
  package var contentID: [UInt8]?
  package var extensions: [PackedExtension]

  package init(
    _ info: TensorInfo, terms: [PackedTerm], quality: Quality? = nil, contentID: [UInt8]? = nil,
    extensions: [PackedExtension] = []
  ) {
    self.info = info
    self.terms = terms
    self.quality = quality
    self.contentID = contentID
    self.extensions = extensions
  }

  /// Creates a tensor of one dense term.
  package init(_ info: TensorInfo, _ codec: any ValueCodec) {
    self.init(info, terms: [PackedTerm(codec, of: info)])
  }

  package var form: Form {
    let replaces = terms.dropFirst().allSatisfy { term in
      if case .sparse(.replace, _, _) = term.content { true } else { false }
    }
    if replaces, terms.allSatisfy(\.isLossless) { return .bits }
    return .sum(info.dtype == .f64 ? .f64 : .f32)
  }

  /// The labels of the terms, joined by `+`.
  package var label: String { terms.map(\.label).joined(separator: " + ") }

  /// Returns the segments of all terms, in order.
  package func segments(entry: Int) -> [PackedSegment] {
    terms.enumerated().flatMap { termIndex, term in
      PackedSegment.segments(of: term, termIndex: termIndex, entry: entry, info: info)
    }
  }

  /// The names that the terms add to `features.required`.
  var requiredFeatures: Set<String> {
    terms.reduce(into: []) { features, term in
      switch term.content {
      case .dense(let codec), .sparse(_, _, let codec):
        features.formUnion(codec.requiredFeatures)
      case .lowRank(let term):
        features.formUnion(term.u.codec.requiredFeatures)
        features.formUnion(term.v.codec.requiredFeatures)
      case .unknown: break
      }
    }
  }

  /// The names that the terms add to `features.optional`.
  var features: Set<String> {
    var features: Set<String> = []
    for term in terms {
      switch term.content {
      case .dense(let codec): features.formUnion(["term:dense", "codec:\(codec.name)"])
      case .sparse(_, let index, let values):
        features.formUnion(["term:sparse", "codec:\(values.name)", "index:\(index.name)"])
      case .lowRank(let term):
        features.formUnion([
          "term:lowRank", "codec:\(term.u.codec.name)", "codec:\(term.v.codec.name)",
        ])
      case .unknown(_, _, let map):
        if let kind = map["kind"]?.asText { features.insert("term:\(kind)") }
        if let codec = map["codec"]?.asText { features.insert("codec:\(codec)") }
      }
    }
    return features
  }
}

/// Data that a later version or another program keeps in a file. Specification, section 5.6.
package struct PackedExtension: Sendable, Equatable {
  package var name: String
  /// True if the extension stays valid when the tensor or file that it belongs to changes.
  package var isSafeToCopy: Bool
  package var value: CBORValue

  package init(name: String, isSafeToCopy: Bool, value: CBORValue) {
    self.name = name
    self.isSafeToCopy = isSafeToCopy
    self.value = value
  }
}
