/// A run of a network over some windows: the tape, the positions, and who looks on.
package struct Run<Scalar: NetworkScalar> {
  package let network: Network<Scalar>
  package let tape: Tape<Scalar>
  package let positions: Positions<Scalar>
  package var observer: Observer<Scalar>

  package init(
    _ network: Network<Scalar>, _ tape: Tape<Scalar>, _ positions: Positions<Scalar>,
    observer: Observer<Scalar> = Observer()
  ) {
    self.network = network
    self.tape = tape
    self.positions = positions
    self.observer = observer
  }
}

/// Callbacks that receive intermediate values of a run, and one that provides the keys and values of a cache.
package struct Observer<Scalar: NetworkScalar> {
  /// Receives the input of each linear layer, with the name of its weight; in a counting run too, without numbers.
  package var linearInput: ((_ weight: String, _ input: Value<Scalar>) throws -> Void)?
  /// Receives the rotated queries and keys, and the values of a layer, without those of the cache.
  package var attention:
    (
      (_ layer: Int, _ queries: Value<Scalar>, _ keys: Value<Scalar>, _ values: Value<Scalar>)
        throws -> Void
    )?
  /// Receives the shares of a layer's attention, shape `[sequences · heads · queries, keys]`.
  package var attentionShares: ((_ layer: Int, _ shares: Value<Scalar>) throws -> Void)?
  /// Returns the rotated keys and the values of the tokens before the windows, shape
  /// `[sequences · start, groups · d]`; must be present if the windows start after position 0.
  package var cache: ((_ layer: Int) throws -> (keys: Value<Scalar>, values: Value<Scalar>))?

  /// Receives the rotated keys and the values of a layer, those of the cache first: the cache of the tokens after the
  /// windows.
  package var extendedCache:
    ((_ layer: Int, _ keys: Value<Scalar>, _ values: Value<Scalar>) throws -> Void)?

  /// Receives the moments of the input of each batch normalization, none in a counting run, with the prefix of the names of
  /// its tensors. If it is present, the normalizations use the statistics of the batch, as in training; otherwise the
  /// running ones.
  package var batch: ((_ prefix: String, _ moments: BatchMoments) throws -> Void)?

  package init() {}
}
