import Base

extension String {
  /// The maximum number of characters of a text that a message shows.
  private static let shownLimit = 100

  /// The text as it is shown in messages about a recipe: without control characters, and cut after 100 characters.
  ///
  /// A text with an anchor may occur many times, so that the length of messages must not follow its length.
  package var shown: String {
    guard utf8.count > Self.shownLimit else { return printable }
    let start = prefix(Self.shownLimit)
    return String(start).printable + (start.endIndex < endIndex ? "…" : "")
  }
}
