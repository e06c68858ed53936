/// A step of reading a YAML document: a scalar, or the start or the end of a list or a map.
package struct YAMLEvent: Sendable, Equatable {
  /// The kind of an event.
  package enum Kind: Sendable, Equatable {
    case documentStart
    case streamEnd
    /// The name of an anchor, without the `*`.
    case alias(String)
    /// `isPlain` is false for text in quotes and for block scalars.
    case scalar(String, isPlain: Bool)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
  }

  package var kind: Kind
  /// The anchor that the node defines, without the `&`.
  package var anchor: String?
  /// The tag as written, handles expanded: `!!int` is `tag:yaml.org,2002:int`.
  package var tag: String?
  /// The line number, starting at 1.
  package var line: Int
}

/// An error in a text that is not YAML or uses unsupported YAML.
package struct YAMLFault: Error, Equatable {
  package var reason: String
  /// The line number, starting at 1.
  package var line: Int

  package init(_ reason: String, line: Int) {
    self.reason = reason
    self.line = line
  }
}
