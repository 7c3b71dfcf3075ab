//! What a platform may have of its own, and most have not.

use super::{Beside, Signal};
use crate::manifest::Written;

/// A platform's own answers, where they differ from the usual ones.
pub(crate) trait Own {
    /// Its signal goes to every process of the service, and not to the first alone.
    fn signals_everyone(&self) -> bool {
        false
    }

    /// The containers that get the signal together with the program's.
    fn beside(&self) -> &[Beside] {
        &[]
    }

    /// What its entry says of the signal by which a program is asked to stop.
    fn written_signal(&self) -> Option<&Written<Signal>> {
        None
    }

    /// An image that names a signal is sent that one: nothing here says another.
    fn signal_is_the_images(&self) -> bool {
        false
    }

    /// Makes its entry say nothing of that signal.
    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {}

    /// Requests come in at one port, whatever others the program opens.
    #[cfg(feature = "deployed")]
    fn has_one_ingress_port(&self) -> bool {
        false
    }
}
