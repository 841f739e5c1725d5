"""What headers of object requests mean, and which headers an object answers with."""
