"""Any Amaranth component as gates."""
