import Base
import Crypto

extension InputIdentity {
  /// Creates the identity of a checkpoint that is computed when it is read: the SHA-256 of the lineage that makes it.
  package init(of lineage: Lineage, byteCount: Int) {
    let text = Array(lineage.document.serialized().utf8)
    self.init(
      hash: Array(SHA256.hash(data: text)).hexadecimal, byteCount: byteCount, coverage: .content)
  }
}
