"""Mail on its way out: claims queue rows and delivers them to other hosts, or through `merpati.delivery` here."""
