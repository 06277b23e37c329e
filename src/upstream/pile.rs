//! A list in pieces.

/// A list of which the last comes first. It is kept in pieces, so that neither its growth nor its end ever moves or
/// frees much memory at once.
pub struct Pile<T> {
    pieces: Vec<Vec<T>>,
    len: usize,
}

/// Items of a piece.
const PIECE: usize = 512;

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Pile<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// The item pushed as number `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / PIECE)?.get(index % PIECE)
    }

    pub fn push(&mut self, item: T) {
        self.len = self.len.saturating_add(1);
        if let Some(piece) = self.pieces.last_mut().filter(|piece| piece.len() < PIECE) {
            piece.push(item);
            return;
        }
        let mut piece = Vec::with_capacity(PIECE);
        piece.push(item);
        self.pieces.push(piece);
    }

    pub fn pop(&mut self) -> Option<T> {
        while let Some(piece) = self.pieces.last_mut() {
            if let Some(item) = piece.pop() {
                self.len = self.len.saturating_sub(1);
                return Some(item);
            }
            self.pieces.pop();
        }
        None
    }
}
