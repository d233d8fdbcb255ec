"""The shape of the project, checked by machine: who may import whom, what is said once, what a page may claim."""
